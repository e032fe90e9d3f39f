"""Whatever is changed in a run's log, replay tells: damage by its place, forgery by its effect."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import zstandard

from tests.house.api import Api
from tests.house.installation import Installation
from tests.house.log import assert_complete, reseal
from tests.house.toolserver import ToolServer

SCHEMA = {
    "type": "object",
    "properties": {"employees": {"type": "integer"}},
    "required": ["employees"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A completed run with a tool call, and the ways to its rows."""

    house: Installation
    run: str
    events: list[dict[str, Any]]

    def body(self, seq: int) -> bytes:
        """As it is stored: compressed."""
        row = "SELECT body FROM event WHERE run = %s AND seq = %s"
        return bytes(self.house.sql(row, [self.run, seq])[0][0])

    def put_body(self, seq: int, stored: bytes) -> None:
        change = "UPDATE event SET body = %s WHERE run = %s AND seq = %s"
        self.house.sql(change, [stored, self.run, seq])

    def part_names(self) -> set[str]:
        """Every part that the run stands on, with those before it."""
        found: set[str] = set()
        ahead = [name for event in self.events for name in event["body"].get("parts", {}).values()]
        while ahead:
            name = ahead.pop()
            if name and name not in found:
                found.add(name)
                ahead += self.house.sql("SELECT previous FROM part WHERE name = %s", [name])[0]
        return found


@pytest.fixture
async def recorded(api: Api, tools: ToolServer, house: Installation) -> Recorded:
    await api.tool("measure", **tools.contract("measure"))
    tools.gives("measure", {"employees": 120})
    await api.agent("measured", tools=["measure"], output_schema=SCHEMA)
    run = (await api.turn("measured", "Company: Acme", customer="auditor"))["run"]
    return Recorded(house, run, await assert_complete(api, run))


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


# Where a stored body is hit: its head, its middle, its last byte.
PLACES: list[Callable[[bytes], int]] = [lambda _: 0, lambda raw: len(raw) // 2, lambda raw: -1]


async def test_a_flipped_byte_in_any_event_is_damage_at_that_event(
    api: Api, recorded: Recorded
) -> None:
    """In the event's text, and in the compressed bytes at rest."""
    for event in recorded.events:
        stored, seq = recorded.body(event["seq"]), event["seq"]
        text = zstandard.decompress(stored)
        hits = [zstandard.compress(hit(text, place)) for place in PLACES]
        for forged in hits + [hit(stored, place) for place in PLACES]:
            recorded.put_body(seq, forged)
            await assert_damaged(api, recorded, seq)
        recorded.put_body(seq, stored)
    await assert_complete(api, recorded.run)


def hit(raw: bytes, place: Callable[[bytes], int]) -> bytes:
    at = place(raw) % len(raw)
    return flipped(raw, at)


async def test_another_hash_time_kind_or_seq_is_damage_at_that_event(
    api: Api, recorded: Recorded
) -> None:
    changes = (
        "hash = overlay(hash PLACING CASE WHEN hash LIKE '0%%' THEN '1' ELSE '0' END FROM 1)",
        "at_ms = at_ms + 1",
        "kind = CASE kind WHEN 'called' THEN 'replied' ELSE 'called' END",
    )
    for event in recorded.events:
        for change in changes:
            row = [recorded.run, event["seq"]]
            before = "SELECT hash, at_ms, kind FROM event WHERE run = %s AND seq = %s"
            kept = recorded.house.sql(before, row)[0]
            recorded.house.sql(f"UPDATE event SET {change} WHERE run = %s AND seq = %s", row)
            await assert_damaged(api, recorded, event["seq"])
            back = "UPDATE event SET hash = %s, at_ms = %s, kind = %s WHERE run = %s AND seq = %s"
            recorded.house.sql(back, [*kept, *row])
    await assert_complete(api, recorded.run)


async def test_a_removed_event_is_damage_at_its_place(api: Api, recorded: Recorded) -> None:
    """The last one too: the run's row knows how far the log went."""
    for event in reversed(recorded.events):
        row = [recorded.run, event["seq"]]
        recorded.house.sql("DELETE FROM event WHERE run = %s AND seq = %s", row)
        await assert_damaged(api, recorded, event["seq"])


async def test_a_flip_in_any_part_is_damage_at_the_event_that_names_it(
    api: Api, recorded: Recorded
) -> None:
    names = recorded.part_names()
    assert len(names) > 8
    for name in names:
        select = "SELECT body FROM part WHERE customer = 'auditor' AND name = %s"
        stored = bytes(recorded.house.sql(select, [name])[0][0])
        content = zstandard.compress(hit(zstandard.decompress(stored), PLACES[1]))
        for forged in (content, hit(stored, PLACES[0]), hit(stored, PLACES[1])):
            put_part(recorded, name, forged)
            await assert_part_missed(api, recorded)
        put_part(recorded, name, stored)
    await assert_complete(api, recorded.run)


def put_part(recorded: Recorded, name: str, stored: bytes) -> None:
    change = "UPDATE part SET body = %s WHERE customer = 'auditor' AND name = %s"
    recorded.house.sql(change, [stored, name])


async def test_a_removed_part_is_damage_at_the_event_that_names_it(
    api: Api, recorded: Recorded
) -> None:
    for name in recorded.part_names():
        row = [name]
        taken = "DELETE FROM part WHERE customer = 'auditor' AND name = %s RETURNING *"
        kept = recorded.house.sql(taken, row)[0]
        await assert_part_missed(api, recorded)
        recorded.house.sql("INSERT INTO part VALUES (%s, %s, %s, %s)", kept)
    await assert_complete(api, recorded.run)


async def assert_damaged(api: Api, recorded: Recorded, seq: int) -> dict[str, Any]:
    replayed = await api.replay(recorded.run)
    assert (replayed["verdict"], replayed["first"]["seq"]) == ("damaged", seq), replayed
    return replayed["first"]


async def assert_part_missed(api: Api, recorded: Recorded) -> None:
    """At the first event that names a part which leads to the broken one."""
    replayed = await api.replay(recorded.run)
    assert replayed["verdict"] == "damaged", replayed
    first = replayed["first"]
    assert first["path"].startswith("/parts/"), first
    named = recorded.events[first["seq"] - 1]["body"]["parts"]
    assert first["path"].removeprefix("/parts/") in named, first


async def test_a_tool_result_edited_and_hashed_again_diverges_where_the_model_was_told_it(
    api: Api, recorded: Recorded
) -> None:
    events, forged = recorded.events, b'{"employees":999}'
    returned = next(event for event in events if event["kind"] == "tool_returned")
    told = next(e for e in events if e["kind"] == "called" and e["seq"] > returned["seq"])
    name = hashlib.sha256(forged).hexdigest()
    part = ["auditor", name, "", zstandard.compress(forged)]
    recorded.house.sql("INSERT INTO part VALUES (%s, %s, %s, %s)", part)
    returned["body"]["parts"]["result"] = name
    reseal(recorded.house, recorded.run, events)
    replayed = await api.replay(recorded.run)
    first = replayed["first"]
    assert (replayed["verdict"], first["seq"]) == ("diverged", told["seq"]), replayed
    assert first["path"].startswith("/input/") and first["path"].endswith("/output"), first
    assert "120" in first["recorded"] and "999" in first["derived"]


# What is rewritten and hashed again, and where replay finds it: the event, the path.
FORGED: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("ended", lambda body: body.update(output='{"employees":7}'), "/output"),  # another output
    ("ended", lambda body: body.update(cost_micros=0), "/cost_micros"),  # a cheaper turn
    ("ended", lambda body: body.update(status="cancelled"), "/"),  # another end
    ("tools_asked", lambda body: body["calls"][0].update(tool="other"), "/calls/0/tool"),
    ("tools_asked", lambda body: body["calls"][0].update(arguments="{}"), "/calls/0/arguments"),
    ("called", lambda body: body.update(model="gpt-6.1-sol"), "/model"),  # a dearer model
    ("called", lambda body: body.update(worst_case_micros=1), "/worst_case_micros"),
]


@pytest.mark.parametrize("kind, forge, path", FORGED)
async def test_a_decision_edited_and_hashed_again_diverges_at_its_path(
    api: Api, recorded: Recorded, kind: str, forge: Callable[[dict[str, Any]], Any], path: str
) -> None:
    event = next(event for event in recorded.events if event["kind"] == kind)
    forge(event["body"])
    reseal(recorded.house, recorded.run, recorded.events)
    replayed = await api.replay(recorded.run)
    first = replayed["first"]
    assert (replayed["verdict"], first["seq"]) == ("diverged", event["seq"]), replayed
    assert first["path"].startswith(path), first


async def test_the_bundle_has_every_part_that_the_log_names(api: Api, recorded: Recorded) -> None:
    bundle = (await api("GET", f"/v1/runs/{recorded.run}/events?parts=all")).body
    assert {part["name"] for part in bundle["parts"]} == recorded.part_names()
    assert bundle["events"] == recorded.events


async def test_the_log_holds_no_secret(
    api: Api, tools: ToolServer, house: Installation, recorded: Recorded
) -> None:
    """Neither key nor secret rests in any event or part, read or at rest."""
    put = await api.tool("measure", **tools.contract("measure"))
    secrets = [api.key, put["signing_secret"], house.settings["AGENTRT_SECRET"]]
    rows = house.sql("SELECT body FROM event UNION ALL SELECT body FROM part")
    texts = [zstandard.decompress(bytes(body)) for (body,) in rows]
    assert not [secret for secret in secrets if any(secret.encode() in text for text in texts)]


async def test_a_new_tool_version_or_agent_changes_no_verdict(
    api: Api, tools: ToolServer, recorded: Recorded
) -> None:
    await api.tool("measure", **tools.contract("measure", output_schema=SCHEMA))
    await api.agent("measured", instructions="Something else.")
    await api("DELETE", "/v1/tools/measure")
    await api("DELETE", "/v1/agents/measured")
    await assert_complete(api, recorded.run)
