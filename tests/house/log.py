"""The run log, checked and forged without the runtime's code."""

import hashlib
import json
from datetime import datetime
from typing import Any

import zstandard

from tests.house.api import Api
from tests.house.installation import Installation


def canonical(value: Any) -> bytes:
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def sealed(run: str, before: str, event: dict[str, Any]) -> str:
    """The hash of an event of `GET /events`; `before` is empty for the first."""
    previous = bytes.fromhex(before) if before else hashlib.sha256(run.encode()).digest()
    row = {"run": run, "seq": event["seq"], "kind": event["kind"], "body": event["body"]}
    row["at"] = round(datetime.fromisoformat(event["at"]).timestamp() * 1_000)
    return hashlib.sha256(previous + canonical(row)).hexdigest()


async def assert_complete(api: Api, run: str) -> list[dict[str, Any]]:
    """Gapless, sealed, from `started` to `ended`, every call answered, and it replays."""
    events = await api.events(run)
    kinds = [event["kind"] for event in events]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert kinds[0] == "started" and kinds[-1] == "ended", kinds
    assert kinds.count("started") == kinds.count("ended") == 1, kinds
    before = ""
    for event in events:
        before = sealed(run, before, event)
        assert event["hash"] == before, event["seq"]
    called = [event["body"]["call"] for event in events if event["kind"] == "called"]
    answers = ("replied", "model_failed")
    assert [e["body"]["call"] for e in events if e["kind"] in answers] == called
    replayed = await api.replay(run)
    assert (replayed["verdict"], replayed["events"]) == ("identical", len(events)), replayed
    return events


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["kind"] for event in events]


def reseal(house: Installation, run: str, events: list[dict[str, Any]]) -> None:
    """Writes these events over the run's, with hashes that fit them."""
    before = ""
    for event in events:
        before = sealed(run, before, event)
        body = zstandard.compress(canonical(event["body"]))
        change = "UPDATE event SET body = %s, hash = %s WHERE run = %s AND seq = %s"
        house.sql(change, [body, before, run, event["seq"]])
    house.sql("UPDATE run SET hash = %s WHERE run = %s", [before, run])
