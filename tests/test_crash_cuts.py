"""A turn whose sidecar or worker is killed at any boundary, once and twice, ends as an uncut one.

The turn calls a model, a tool, the model again, and a callback. It is told with a tool that is
`idempotent`, by a caller who waits, and with one that must run `once`, by a caller who polls.
What a boundary is, tests/house/cuts.py says. One that is in no table here fails the last test.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidecar.extras import embedded
from tests.house.api import Answer, Api
from tests.house.installation import Installation, new_database
from tests.house.lane import Lane, Patient, lanes
from tests.house.log import assert_complete, kinds
from tests.house.processes import Process
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer
from tests.house.until import until

LANES = 8  # turns at once
WAITS_S = {"idempotent": 25, "once": 0}  # the caller of each turn
STORY = ["started", "replied", "tools_asked", "tool_returned", "replied", "ended"]
DOUBT = ["started", "replied", "tools_asked", "tool_returned", "cancelled", "ended"]
FOUND = {"employees": 5}
ANSWER = """Hello,

thank you for your message about: Company: {company}.

What we know of {company}: from tool: enrich_{effects}@1; employees: 5.

Kind regards"""

# Where the second cut is, if not at the same place again: that is passed once in a turn.
SAME = ""
TAKEN_UP = "sidecar after adopt"
ASKED_AGAIN = "sidecar before rivals"
TOLD = "worker after due"

# A boundary, what is true there, and where the second cut is.
Rows = list[tuple[str, str, str]]
BOTH: Rows = [
    ("sidecar before rivals", "nothing is known of the turn", SAME),
    ("sidecar before versions", "nothing is known of the turn", SAME),
    ("sidecar before newest", "nothing is known of the turn", SAME),
    ("sidecar before conversation", "nothing is known of the turn", SAME),
    ("sidecar before redis MGET", "the request to the model is not made yet", SAME),
    ("sidecar before model", "called is in the log, the provider knows nothing", SAME),
    ("sidecar after model", "the answer is paid for, and not in the log", SAME),
    ("sidecar before event.replied+event.tools_asked+ask", "as before", SAME),
    ("sidecar after event.replied+event.tools_asked+ask", "due, and nobody rang", TAKEN_UP),
    ("sidecar before redis XADD", "the call is due, and nobody rang for it", TAKEN_UP),
    ("sidecar after redis XADD", "the call is offered", TAKEN_UP),
    ("sidecar after told", "the result is read, and not in the log", SAME),
    ("sidecar before event.tool_returned+event.called+heard", "as before", SAME),
    ("sidecar after event.tool_returned+event.called+heard", "it is in the log", TAKEN_UP),
    ("sidecar before model of the result", "called is in the log", SAME),
    ("sidecar after model of the result", "paid for, and not in the log", SAME),
    ("sidecar before event.replied+event.ended+rest", "as before", SAME),
    ("sidecar after event.replied+event.ended+rest", "nobody is told", ASKED_AGAIN),
    ("sidecar before redis PUBLISH", "the run has ended, nobody is woken", ASKED_AGAIN),
    ("sidecar after redis PUBLISH", "the run has ended", ASKED_AGAIN),
    ("sidecar before answer", "the caller has heard nothing", SAME),
    ("worker after redis XREADGROUP", "the offer is with a dead consumer", TOLD),
    ("worker after finish", "the result is there, and nobody rang", TOLD),
    ("worker before redis PUBLISH", "the result is there, and nobody rang", TOLD),
    ("worker after redis PUBLISH", "the result is there", TOLD),
    ("worker after due", "the delivery is taken", SAME),
    ("worker before callback", "the receiver has heard nothing", SAME),
    ("worker after callback", "the receiver has heard, we do not know", SAME),
    ("worker before delivered", "the receiver has heard, we do not know", SAME),
    ("worker after delivered", "everybody has heard", ASKED_AGAIN),
]
OWN: dict[str, Rows] = {
    "idempotent": [
        ("sidecar before start+event.started+event.called", "nothing is known", SAME),
        ("sidecar after start+event.started+event.called", "the turn is in the log", TAKEN_UP),
    ],
    "once": [
        ("sidecar before start+event.started", "nothing is known of the turn", SAME),
        ("sidecar after start+event.started", "accepted, and nobody knows", TAKEN_UP),
        ("sidecar before event.called", "accepted, the provider knows nothing", SAME),
        ("sidecar after event.called", "called is in the log", TAKEN_UP),
        ("sidecar before run_row", "somebody looks", SAME),
        ("sidecar before events", "somebody looks", SAME),
        ("sidecar before parts", "somebody looks", SAME),
    ],
}
# From here on a call that must run once is in doubt: then the second cut is when that is told.
CLAIMED: Rows = [
    ("worker after claim", "the tool knows nothing", SAME),
    ("worker before tool", "the tool knows nothing", SAME),
    ("worker after tool", "the tool has done it, we do not know", SAME),
    ("worker before finish", "the tool has done it, we do not know", SAME),
]
# What only whoever takes a turn up passes: the cut before, the boundary, the cut after it.
LOST, DOUBTED = "sidecar after model", "worker after claim"
TWICE: dict[str, list[tuple[str, str, str]]] = {
    "idempotent": [
        (LOST, "sidecar after adopt", SAME),
        (LOST, "sidecar before event.model_failed", SAME),
        (LOST, "sidecar after event.model_failed", TAKEN_UP),
        (LOST, "sidecar before event.called", SAME),
        (LOST, "sidecar after event.called", TAKEN_UP),
    ],
    "once": [
        (DOUBTED, "sidecar before event.tool_returned+heard+rest", SAME),
        (DOUBTED, "sidecar after event.tool_returned+heard+rest", TAKEN_UP),
    ],
}
# Where Postgres is cut off instead: everybody lives, and what is known but not told is told.
CUT_OFF = [
    "sidecar before rivals",
    "sidecar before event.replied+event.tools_asked+ask",
    "sidecar after event.replied+event.tools_asked+ask",
    "sidecar after told",
    "sidecar before event.tool_returned+event.called+heard",
    "sidecar after event.tool_returned+event.called+heard",
    "sidecar before event.replied+event.ended+rest",
    "sidecar after event.replied+event.ended+rest",
    "worker before finish",  # a tool that runs once is in no doubt
    "worker after finish",
    "worker after due",
    "worker before delivered",
    "worker after delivered",
]


@dataclass(frozen=True, slots=True)
class Case:
    """`ends`: what the tool call may be in the end."""

    effects: str
    cuts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ("done",)

    def __str__(self) -> str:
        return f"{self.effects}: {', '.join(self.cuts) or 'uncut'}"


def cases() -> Iterator[Case]:
    for effects in WAITS_S:
        yield Case(effects)
        once = effects == "once"
        for rows, ends in (
            (BOTH + OWN[effects], ("done",)),
            (CLAIMED, ("unknown",) if once else ("done",)),
        ):
            for place, _, second in rows:
                again = TOLD if "unknown" in ends else second or place
                yield Case(effects, (place,), ends)
                yield Case(effects, (place, again), ends)
        for place in (*CUT_OFF, *(name for name, *_ in OWN[effects])):
            yield Case(effects, (f"away: {place}",))
        for first, place, last in TWICE[effects]:
            ends = ("unknown",) if once else ("done",)
            yield Case(effects, (first, place), ends)
            yield Case(effects, (first, place, last or place), ends)


CASES = list(cases())
NAMES = {name.removeprefix("away: ") for case in CASES for name in case.cuts}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What was wrong with a case, and the boundaries that it passed."""

    errors: dict[Case, BaseException] = field(default_factory=dict)
    passed: dict[Case, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One case, in one lane."""

    lane: Lane
    api: Api
    tools: ToolServer
    provider: Provider
    case: Case

    @property
    def company(self) -> str:
        return f"Acme-{CASES.index(self.case)}-"

    async def asked(self) -> Answer:
        """The same request each time."""
        effects, url = self.case.effects, f"http://127.0.0.1:{self.tools.port}/heard"
        body: dict[str, Any] = {"agent": effects, "message": f"Company: {self.company}"}
        body |= {"wait_s": WAITS_S[effects], "callback_url": url}
        return await self.api("POST", "/v1/turns", body, Idempotency_Key=self.company)

    async def goes(self) -> None:
        """Until all its cuts have happened and everybody has heard of its rest."""
        self.lane.order(self.case.cuts)
        run = await self.api.rested((await self.asked()).body["run"])
        await until(lambda: self.heard(run), 40)
        again = await self.asked()
        assert (again.status, again.body) == (200, run)
        assert self.lane.obey_no_more() == [], "these cuts never came"
        await self.check(run)

    async def heard(self, run: dict[str, Any]) -> bool:
        told = [one for one in self.tools.calls("heard") if one.body == run]
        open_ = "SELECT count(*) FROM delivery WHERE state <> 'done'"
        return bool(told) and self.lane.house.sql(open_) == [(0,)]

    async def check(self, run: dict[str, Any]) -> None:
        (call,) = run["tool_calls"]
        assert call["status"] in self.case.ends
        self.check_effects(run["run"], done=call["status"] == "done")
        if call["status"] == "done":
            answer = ANSWER.format(company=self.company, effects=self.case.effects)
            assert (run["status"], call["result"], run["output"]) == ("completed", FOUND, answer)
        else:
            assert (run["status"], run["waiting"]["for"]) == ("waiting", "decision")
            run = (await self.api("POST", f"/v1/runs/{run['run']}/cancel", {})).body
            assert run["status"] == "cancelled"
            await until(lambda: self.heard(run), 40)
        events = await assert_complete(self.api, run["run"])
        self.check_story(events, STORY if call["status"] == "done" else DOUBT)
        await self.check_money(events)
        assert run["reserved_usd"] == "0.000000"
        self.check_rows()

    def check_effects(self, run: str, *, done: bool) -> None:
        """Each by its key: that is how a tool which is idempotent knows what it has done."""
        made = [one for one in self.tools.calls("enrich") if one.body["run"] == run]
        effects = {one.headers["idempotency-key"] for one in made}
        assert len(effects) == 1 or not (effects or done)
        assert len(made) <= 1 or self.case.effects == "idempotent"

    def check_story(self, events: list[dict[str, Any]], story: list[str]) -> None:
        """But for calls of a model that were lost, one a cut at most."""
        told = [kind for kind in kinds(events) if kind not in ("called", "model_failed")]
        assert told == story
        errors = [e["body"]["error"] for e in events if e["kind"] == "model_failed"]
        assert errors == ["lost"] * len(errors) and len(errors) <= len(self.case.cuts)

    async def check_money(self, events: list[dict[str, Any]]) -> None:
        """For each request to a model, the log shows no less than was billed for it."""
        bodies = {event["body"]["call"]: event["body"] for event in events if is_(event, "called")}
        price, spent = dict[str, int](), Counter[str]()
        for event in events:
            if is_(event, "replied", "model_failed"):
                body, sha256 = event["body"], bodies[event["body"]["call"]]["payload_sha256"]
                spent[sha256] += body["cost_micros"]
                price |= {sha256: body["cost_micros"]} if is_(event, "replied") else {}
        received = [one["raw"].encode() for one in await self.provider.received()]
        mine = [raw for raw in received if self.company.encode() in raw]
        billed = Counter(hashlib.sha256(raw).hexdigest() for raw in mine)
        assert billed.keys() == spent.keys()
        assert all(spent[one] >= billed[one] * price[one] > 0 for one in billed)

    def check_rows(self) -> None:
        sql = self.lane.house.sql
        assert sql("SELECT count(*) FROM run WHERE key = %s", [self.company]) == [(1,)]
        assert sql("SELECT count(*) FROM run WHERE status IN ('running', 'waiting')") == [(0,)]
        assert sql("SELECT count(*) FROM tool_call") == [(0,)]
        assert sql("SELECT count(*) FROM inbox WHERE NOT folded") == [(0,)]


def is_(event: dict[str, Any], *names: str) -> bool:
    return event["kind"] in names


async def furnish(api: Api, tools: ToolServer) -> None:
    await api.up()
    for effects in WAITS_S:
        name = f"enrich_{effects}"
        await api.tool(name, **tools.contract("enrich", side_effects=effects))
        await api.agent(effects, tools=[name], models=["openai/gpt-6-luna"])


async def gone(
    open_lanes: list[Lane], wanted: list[Case], simulator: Process, port: int
) -> Outcomes:
    left, outcomes = list(reversed(wanted)), Outcomes()

    async def drain(lane: Lane) -> None:
        api = Patient(http, lane)
        await furnish(api, tools)
        while left:
            turn = Turn(lane, api, tools, provider, left.pop())
            going = asyncio.ensure_future(turn.goes())
            await asyncio.wait([going])
            outcomes.passed[turn.case] = lane.passed()
            if error := going.exception():
                outcomes.errors[turn.case] = error

    async with aiohttp.ClientSession() as http, ToolServer(port) as tools:
        provider = Provider(http, simulator.url)
        await Api(http, simulator, "any").up("/v1/models")
        await provider.reset()
        tools.gives("enrich", FOUND)
        tools.gives("heard", {})
        await asyncio.gather(*map(drain, open_lanes))
    return outcomes


@pytest.fixture(scope="module")
def outcomes(
    stores: embedded.Servers,
    folder: Path,
    logs: Path,
    settings: dict[str, str],
    simulator: Process,
    tool_port: int,
    request: pytest.FixtureRequest,
) -> Outcomes:
    """Of the cases that pytest was asked for, several at once; of the uncut ones if of none."""
    specs = [getattr(item, "callspec", None) for item in request.session.items]
    named = [spec.params.get("case") for spec in specs if spec]
    wanted = [case for case in CASES if any(case is one for one in named)]
    wanted = wanted or [case for case in CASES if not case.cuts]
    own, houses = {**settings, "ANTHROPIC_API_KEY": "", "AGENTRT_TOOLS": ""}, list[Installation]()
    for number in range(min(LANES, len(wanted))):
        database = new_database(stores.database_url, f"lane {number}")
        redis_url = f"{stores.redis_url}?db={number + 2}"
        houses.append(Installation(database, redis_url, logs, own))
    with lanes(houses, folder / "lanes") as open_lanes:
        return asyncio.run(gone(open_lanes, wanted, simulator, tool_port))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_turn_that_is_cut_ends_as_one_that_is_not(case: Case, outcomes: Outcomes) -> None:
    if case in outcomes.errors:
        raise outcomes.errors[case]


def test_every_boundary_has_a_cut(outcomes: Outcomes) -> None:
    passed = {name for names in outcomes.passed.values() for name in names}
    assert passed - NAMES == set()
