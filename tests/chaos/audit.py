"""The invariants, from outside: Postgres, the tools, the receiver and the provider's own count."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import zstandard

from tests.chaos.load import World
from tests.house.installation import Installation
from tests.house.log import sealed
from tests.simulator.built import BUILT

EVENTS = "SELECT run::text, seq, at_ms, kind, body, hash FROM event ORDER BY run, seq"
RUNS = "SELECT run::text, key, status, hash, callback_url FROM run"
OPEN = """SELECT (SELECT count(*) FROM run WHERE status = 'running')
  + (SELECT count(*) FROM delivery WHERE state = 'pending')"""
PRICE = {"input": 100_000, "cached": 10_000, "output": 500_000}  # of gpt-6-luna, a million tokens
NUMBER = re.compile(r"\bTurn: (\d+)")


@dataclass(frozen=True, slots=True)
class Found:
    """`broken` says what is wrong, a line each."""

    lost: int
    twice: int
    in_doubt: int
    in_doubt_had_run: int
    below: int
    calls: int
    events: int
    broken: list[str]

    @property
    def well(self) -> bool:
        return not (self.lost or self.twice or self.below or self.broken)


@dataclass(frozen=True, slots=True)
class Log:
    """The events of a run, by kind in their order, and what breaks its chain."""

    events: list[dict[str, Any]]
    broken: str

    def bodies(self, *kinds: str) -> list[dict[str, Any]]:
        return [event["body"] for event in self.events if event["kind"] in kinds]

    def cost_micros(self) -> int:
        return sum(body["cost_micros"] for body in self.bodies("replied", "model_failed"))

    def asked(self) -> list[str]:
        return [call["id"] for body in self.bodies("tools_asked") for call in body["calls"]]

    def returned(self) -> Counter[str]:
        return Counter(body["call"] for body in self.bodies("tool_returned"))

    def in_doubt(self) -> list[str]:
        told = self.bodies("tool_returned")
        return [body["call"] for body in told if (body["error"] or {}).get("code") == "unknown"]


def log(run: str, rows: list[tuple[Any, ...]], head: str) -> Log:
    """Gapless from `started` to what the run's row names as its last."""
    events, before, broken = [], "", ""
    for number, (_, seq, at_ms, kind, packed, seal) in enumerate(rows, 1):
        at = datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat()
        event = {"seq": seq, "at": at, "kind": kind, "body": json.loads(unpacked(packed))}
        before = sealed(run, before, event)
        if seq != number or seal != before:
            broken = f"{run}: event {seq} at place {number} does not fit the chain"
        events.append(event)
    if before != head or not events or events[0]["kind"] != "started":
        broken = broken or f"{run}: the chain ends at {len(events)}, its row says otherwise"
    return Log(events, broken)


def unpacked(body: memoryview) -> bytes:
    return zstandard.decompress(bytes(body))


def billed(requests: list[dict[str, Any]]) -> Counter[int]:
    """By turn, in micros of micros: every request that reached the provider, answered or not."""
    bill: Counter[int] = Counter()
    for one in requests:
        number = NUMBER.search(json.dumps(one["body"]["input"]).replace("\\n", " "))
        assert number and one["body"]["model"] == "gpt-6-luna", one["body"]
        usage = BUILT["usual"](one["body"], {})["usage"]
        cached = usage["input_tokens_details"]["cached_tokens"]
        tokens = {"input": usage["input_tokens"] - cached, "cached": cached}
        tokens["output"] = usage["output_tokens"]
        bill[int(number[1])] += sum(tokens[kind] * rate for kind, rate in PRICE.items())
    return bill


def audited(
    house: Installation, turns: dict[int, str], world: World, requests: list[dict[str, Any]]
) -> Found:
    rows = {run: row for run, *row in house.sql(RUNS)}
    written: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in house.sql(EVENTS):
        written[row[0]].append(row)
    logs = {run: log(run, written[run], row[2]) for run, row in rows.items()}
    broken = [one.broken for one in logs.values() if one.broken]
    broken += [f"{run}: called {n} times over" for run, n in doubled(logs)]
    broken += untold(rows, world)
    kept, once = world.effects("idempotent"), world.effects("once")
    broken += [f"{call}: keys {keys}" for call, keys in kept.items() if len(set(keys)) > 1]
    doubts = {(run, call) for run, one in logs.items() for call in one.in_doubt()}
    bill = billed(requests)
    costs = {number: logs[run].cost_micros() for number, run in turns.items() if run in logs}
    return Found(
        lost=lost(turns, rows, logs),
        twice=sum(len(keys) > 1 for keys in once.values()),
        in_doubt=len(doubts),
        in_doubt_had_run=len(doubts & once.keys()),
        below=sum(costs.get(number, 0) * 1_000_000 < due for number, due in bill.items()),
        calls=sum(len(one.asked()) for one in logs.values()),
        events=sum(len(one.events) for one in logs.values()),
        broken=broken,
    )


def lost(turns: dict[int, str], rows: dict[str, list[Any]], logs: dict[str, Log]) -> int:
    """Accepted turns that are not there, or neither completed nor in doubt."""

    def there(number: int, run: str) -> bool:
        key, status, *_ = rows.get(run, ["", ""])
        ended = status == "completed" or (status == "waiting" and bool(logs[run].in_doubt()))
        whole = ended and logs[run].returned().keys() == set(logs[run].asked())
        return whole and key == f"turn-{number}"

    return sum(not there(number, run) for number, run in turns.items())


def doubled(logs: dict[str, Log]) -> list[tuple[str, int]]:
    """Runs where a call's result is in the log more than once."""
    most = {run: max(one.returned().values(), default=0) for run, one in logs.items()}
    return [(run, n) for run, n in most.items() if n > 1]


def untold(rows: dict[str, list[Any]], world: World) -> list[str]:
    """Runs whose receiver has not heard of the state in which they rest."""
    return [
        f"{run}: {status}, but the receiver heard {world.told.get(run, [])}"
        for run, (_, status, *_) in rows.items()
        if status not in world.told.get(run, [])
    ]
