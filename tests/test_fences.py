"""What Postgres refuses by itself: a writer, an owner or a worker whose time is over."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from sidecar.core import events as e
from sidecar.core.turn import decide
from sidecar.errors import Fenced
from sidecar.stores.db import Db
from sidecar.stores.doorbell import Doorbell
from sidecar.stores.runlog import Journal, opened
from sidecar.tools.http import Call
from sidecar.worker import Worker
from tests.house.installation import Installation
from tests.house.runs import RUN, Story, setup
from tests.house.until import until

ME, OTHER = "01990000-0000-7000-8000-00000000000a", "01990000-0000-7000-8000-00000000000b"
OLDER = "UPDATE run SET started_at = started_at - interval '1 minute'"
SILENT = "UPDATE process SET beat_at = beat_at - interval '1 minute'"
LEASES_OVER = "UPDATE tool_call SET lease_until = lease_until - interval '1 minute'"
CANCELLED = e.Stopped(kind="cancelled", by="operator")


@pytest.fixture
async def db(spare: Installation) -> AsyncIterator[Db]:
    db = await Db.open(spare.database_url)
    await db.migrate()
    yield db
    await db.close()


async def written(db: Db, story: Story) -> Journal:
    """The story's run, in the hands of a process that lives: ME."""
    row: dict[str, Any] = {"run": RUN, "owner": ME, "key": None, "body_sha256": ""}
    row |= {"customer": "acme", "conversation": "talk", "turn": 1, "callback_url": ""}
    row |= {"agent": "desk@1", "setup": story.run.started.parts["setup"]}
    journal = Journal(db, ME)
    journal.opening = [("start", row)]
    for event in story.events:
        run = RUN if event.seq == 1 else ""
        journal.write(event.said(), story.parts.values(), run)
    await journal.flush()
    await db("beat", process=ME, role="sidecar")
    return journal


async def test_of_two_writers_in_one_process_only_the_later_writes(
    db: Db, spare: Installation
) -> None:
    """A process that took its own run up again, after an outage say, may still drive it twice."""
    first = await written(db, Story())
    spare.sql(OLDER)
    assert await db("adopt", owner=ME, driven=[]) == [(RUN, 1)]
    second = await opened(db, ME, 1, RUN)
    first.write(CANCELLED)
    with pytest.raises(Fenced):
        await first.flush()
    second.write(CANCELLED)
    await second.flush()
    assert spare.sql("SELECT epoch, head FROM run") == [(1, 2)]


async def test_a_writer_that_missed_an_event_is_fenced(db: Db, spare: Installation) -> None:
    first = await written(db, Story())
    second = await opened(db, ME, 0, RUN)
    for journal in (first, second):
        journal.write(CANCELLED)
    await first.flush()
    with pytest.raises(Fenced):
        await second.flush()
    assert spare.sql("SELECT count(*) FROM event") == [(2,)]


async def test_a_run_is_taken_up_when_its_owner_is_silent_and_not_before(
    db: Db, spare: Installation
) -> None:
    await written(db, Story())
    spare.sql(OLDER)
    assert await db("adopt", owner=OTHER, driven=[]) == []
    assert await db("adopt", owner=ME, driven=[RUN]) == []  # it drives it already
    spare.sql(SILENT)
    assert await db("adopt", owner=OTHER, driven=[]) == [(RUN, 1)]


# Who ends a call, of which ME makes the second attempt; and what that leaves it at.
ENDS = {
    "it": (ME, 2, "done"),  # who has it
    "lapsed": (ME, 1, "running"),  # the same worker, of the attempt whose lease ran out
    "other": (OTHER, 2, "running"),  # another worker
}


@pytest.mark.parametrize("worker, attempt, state", ENDS.values(), ids=ENDS)
async def test_a_call_is_ended_by_the_attempt_that_has_it(
    db: Db, spare: Installation, worker: str, attempt: int, state: str
) -> None:
    story = Story(setup("one"))
    (call,) = story.asks("one").calls
    await written(db, story)
    spare.sql("UPDATE tool_call SET side_effects = 'none'")
    for _ in range(2):
        spare.sql(LEASES_OVER)
        await db("sweep")
        assert len(await db("claim", worker=ME, lease_s=30, calls=[f"{RUN}/{call.id}"])) == 1
    told: dict[str, Any] = {"run": RUN, "call": call.id, "worker": worker, "attempt": attempt}
    await db("finish", **told, state="done", said="{}", result=None)
    assert spare.sql("SELECT state, attempt FROM tool_call") == [(state, 2)]


# Of calls that a dead worker had, by their side effects: what the sweep makes of them.
SWEPT = [
    ("none", 1, "pending"),  # again
    ("idempotent", 1, "pending"),  # again, under its key
    ("once", 1, "unknown"),  # a person decides
    ("none", 12, "unknown"),  # whoever takes it dies
]


@pytest.mark.parametrize("effects, attempts, state", SWEPT)
async def test_a_dead_worker_s_call_is_due_again_or_in_doubt(
    db: Db, spare: Installation, effects: str, attempts: int, state: str
) -> None:
    story = Story(setup("one"))
    (call,) = story.asks("one").calls
    await written(db, story)
    await db("claim", worker=ME, lease_s=30, calls=[f"{RUN}/{call.id}"])
    await db("sweep")
    assert spare.sql("SELECT state FROM tool_call") == [("running",)]  # its worker lives
    spare.sql("UPDATE tool_call SET side_effects = %s, attempt = %s", [effects, attempts])
    spare.sql(LEASES_OVER)
    await db("sweep")
    assert spare.sql("SELECT state FROM tool_call") == [(state,)]


@pytest.mark.parametrize("stop", ["cancelled", "expired"])
async def test_no_call_of_a_turn_that_is_over_is_made(
    db: Db, spare: Installation, stop: Literal["cancelled", "expired"]
) -> None:
    story = Story(setup("one"))
    (call,) = story.asks("one").calls
    journal = await written(db, story)
    journal.write(e.Stopped(kind=stop))
    end = decide(journal.run)
    assert isinstance(end, e.Ended)
    journal.write(end)
    await journal.flush()
    assert await db("claim", worker=ME, lease_s=30, calls=[f"{RUN}/{call.id}"]) == []
    assert spare.sql("SELECT count(*) FROM tool_call") == [(0,)]


async def test_a_worker_that_lives_keeps_a_long_call(db: Db, spare: Installation) -> None:
    story, gate = Story(setup("one")), asyncio.Event()
    (call,) = story.asks("one").calls
    await written(db, story)

    async def slow(_: Call) -> dict[str, Any]:
        await gate.wait()
        return {}

    doorbell = Doorbell(spare.redis_url)
    worker = Worker(db, doorbell, {"http": slow}, ME)
    await doorbell.enqueue([f"{RUN}/{call.id}"])

    async def has_it() -> bool:
        await worker.take()
        return bool(worker.running)

    await until(has_it)
    spare.sql("UPDATE tool_call SET lease_until = now() + interval '1 second'")
    await worker.beat()
    assert spare.sql("SELECT lease_until > now() + interval '20 seconds' FROM tool_call") == [
        (True,)
    ]
    gate.set()
    await asyncio.wait(worker.running)
    assert spare.sql("SELECT state, attempt FROM tool_call") == [("done", 1)]
    await doorbell.redis.aclose()
