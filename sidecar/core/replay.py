"""Two questions to a recorded run: is its log intact, and would today's code decide the same?

Inputs are folded as recorded; each decision is derived again by `decide` and `plan` from what
was folded and what the edge had `seen`, and compared with the one in the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

import orjson
from pydantic import ConfigDict, Field

from sidecar.core.events import DECISIONS, Called, Ended, Event, Seen, sealed
from sidecar.core.messages import Value, canonical
from sidecar.core.parts import Parts, part, unchain
from sidecar.core.run import PROMPTS, Run, fold
from sidecar.core.turn import CallModel, Encoder, Payload, Wait, called, decide

Encoders = Mapping[str, Encoder]
NOTHING = Seen(at_ms=0, providers=(), simulated=())


class Difference(Value):
    """`path` is a JSON pointer into the event's body or, for class payload, into the payload."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)
    seq: int
    path: str
    what: Literal["hash", "part", "decision", "payload"] = Field(alias="class")
    recorded: str = ""
    derived: str = ""


class Versions(Value):
    recorded: tuple[str, ...]
    today: tuple[str, ...]


class Verdict(Value):
    verdict: Literal["identical", "changed", "diverged", "damaged", "erased"]
    events: int
    first: Difference | None = None
    encoders: Versions


@dataclass(frozen=True, slots=True)
class Bundle:
    """A run's log, whole; `hash` is what the run's row says of its last event."""

    events: Sequence[Event]
    parts: Parts
    hash: str


def verdict(bundle: Bundle, to: Encoders) -> Verdict:
    calls = [orjson.loads(event.body) for event in bundle.events if event.kind == "called"]
    recorded = {call[key] for call in calls for key in ("encoder", "prompts")}
    today = {PROMPTS, *(encoder.version for encoder in to.values())}
    versions = Versions(recorded=tuple(sorted(recorded)), today=tuple(sorted(today)))
    word, first = "damaged", damage(bundle)
    if not first:
        first = divergence(bundle, to)
        word = "identical" if not first else "diverged" if recorded <= today else "changed"
    return Verdict(verdict=word, events=len(bundle.events), first=first, encoders=versions)


def damage(bundle: Bundle) -> Difference | None:
    """The first break in the chain of hashes, or the first part that is not what its name says."""
    before, sound = "", {""}
    for seq, event in enumerate(bundle.events, 1):
        made = sealed(before, event.run, seq, event.at_ms, event.kind, event.body)
        if (event.seq, event.hash) != (seq, made):
            return Difference(seq=seq, path="", what="hash", recorded=event.hash, derived=made)
        for key, name in orjson.loads(event.body).get("parts", {}).items():
            broken = next(broken_links(bundle.parts, name, sound), None)
            if broken:
                return Difference(seq=seq, path=f"/parts/{key}", what="part", recorded=broken)
        before = event.hash
    if bundle.hash == before:
        return None
    seq = len(bundle.events) + 1
    return Difference(seq=seq, path="", what="hash", recorded=bundle.hash, derived=before)


def broken_links(parts: Parts, name: str, sound: set[str]) -> Iterator[str]:
    while name not in sound:
        held = parts.get(name)
        if held is None or part(held.body, held.previous).name != name:
            yield name
            return
        sound.add(name)
        name = held.previous


def divergence(bundle: Bundle, to: Encoders) -> Difference | None:
    run: Run | None = None
    for event in bundle.events:
        found = compared(run, event, bundle.parts, to) if run and event.kind in DECISIONS else None
        if found:
            return found
        run = fold(run, event, bundle.parts)
    return None


def compared(run: Run, event: Event, parts: Parts, to: Encoders) -> Difference | None:
    recorded, derived, payload = event.said(), decide(run), b""
    if isinstance(derived, Wait):
        return difference(event.seq, "", "decision", event.kind, f"wait for {derived.on}")
    if isinstance(derived, CallModel):
        seen = recorded.seen if isinstance(recorded, Called | Ended) else None
        derived, _, payload = called(run, seen or NOTHING, to)
    if isinstance(recorded, Called) and payload:
        frame, items = parts[recorded.parts["frame"]].body, unchain(parts, recorded.parts["items"])
        sent = orjson.loads(Payload(frame, items).body())
        for path, one, other in differences(sent, orjson.loads(payload)):
            return difference(event.seq, path, "payload", one, other)
    pair = recorded.model_dump(mode="json"), derived.model_dump(mode="json")
    for path, one, other in differences(*pair):
        return difference(event.seq, path, "decision", one, other)
    return None


def difference(seq: int, path: str, what: Any, recorded: Any, derived: Any) -> Difference:
    texts = {"recorded": excerpt(recorded), "derived": excerpt(derived)}
    return Difference(seq=seq, path=path, what=what, **texts)


def excerpt(value: Any) -> str:
    return canonical(value).decode()[:500]


def differences(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """JSON pointers at which two JSON values differ, with both sides; None for an absent one."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b}):
            yield from differences(a.get(key), b.get(key), f"{path}/{key}")
    elif isinstance(a, list) and isinstance(b, list):
        for number, (one, other) in enumerate(zip_longest(a, b)):
            yield from differences(one, other, f"{path}/{number}")
    elif canonical(a) != canonical(b):
        yield path, a, b
