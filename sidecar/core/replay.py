"""Two questions to a recorded run: is its log intact, and would today's code decide the same?

Inputs are folded as recorded; each decision is derived again by `decide`, `route` and `encode`
from what was folded and what the edge had `seen`, and compared with the one in the log.
"""

# Walks JSON of any shape.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import zip_longest
from typing import Any, Literal

import orjson
from pydantic import Field

from sidecar.core.events import DECISIONS, Called, Event, Seen
from sidecar.core.messages import Value, canonical
from sidecar.core.parts import Parts, part, unchain
from sidecar.core.run import PROMPTS, Run, fold
from sidecar.core.turn import CallModel, Encoders, Payload, Wait, called, decide
from sidecar.core.view import rfc3339
from sidecar.errors import Problem


class Difference(Value):
    """`path` is a JSON pointer into the event's body or, for class payload, into the payload."""

    seq: int
    path: str
    what: Literal["hash", "part", "decision", "payload"] = Field(serialization_alias="class")
    recorded: str
    derived: str


class Verdict(Value):
    verdict: Literal["identical", "changed", "diverged", "damaged"]
    events: int
    first: Difference | None
    encoders: dict[Literal["recorded", "today"], list[str]]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A run's log, whole; `hash` is what the run's row says of its last event."""

    events: Sequence[Event]
    parts: Parts
    hash: str

    def run(self) -> Run:
        """Problem `log_damaged` where the log does not read."""
        try:
            first, *later = self.events
            began = fold(None, first, self.parts)
            return reduce(lambda run, event: fold(run, event, self.parts), later, began)
        except (LookupError, ValueError) as error:
            detail, remedy = f"{type(error).__name__}: {error}"[:300], "A replay says where."
            raise Problem(500, "log_damaged", detail, remedy=remedy) from error

    def portable(self, *, with_parts: bool) -> dict[str, Any]:
        """JSON that holds all that a replay needs; a part's bytes are base64."""
        log = [asdict(event) | {"at": rfc3339(event.at_ms)} for event in self.events]
        log = [shown | {"body": orjson.loads(shown["body"])} for shown in log]
        listed = self.parts.values() if with_parts else ()
        parts = [asdict(one) | {"body": b64encode(one.body).decode()} for one in listed]
        return {"hash": self.hash, "events": log, "parts": parts}


def verdict(bundle: Bundle, encoders: Encoders) -> Verdict:
    word, first, recorded = "damaged", next(damages(bundle), None), set[str]()
    today = {PROMPTS, *(encoder.version for encoder in encoders.values())}
    if not first:
        said = [orjson.loads(event.body) for event in bundle.events if event.kind == "called"]
        recorded = {one[key] for one in said for key in ("encoder", "prompts")}
        first = next(divergences(bundle, encoders), None)
        word = "identical" if not first else "diverged" if recorded <= today else "changed"
    versions: Any = {"recorded": sorted(recorded), "today": sorted(today)}
    return Verdict(verdict=word, events=len(bundle.events), first=first, encoders=versions)


def difference(seq: int, path: str, what: Any, recorded: Any, derived: Any) -> Difference:
    one, other = (canonical(side).decode()[:500] for side in (recorded, derived))
    return Difference(seq=seq, path=path, what=what, recorded=one, derived=other)


def damages(bundle: Bundle) -> Iterator[Difference]:
    """Breaks in the chain of hashes, and parts that are not what their name says."""
    before, sound = "", {""}
    for seq, event in enumerate(bundle.events, 1):
        made = event.sealed(before).hash
        if (event.seq, event.hash) != (seq, made):
            yield difference(seq, "", "hash", event.hash, made)
        for key, name in event.parts().items():
            while name not in sound:
                held = bundle.parts.get(name)
                found = part(held.body, held.previous).name if held else None
                if found != name:
                    yield difference(seq, f"/parts/{key}", "part", name, found)
                sound.add(name)
                name = held.previous if held else ""
        before = event.hash
    if bundle.hash != before:
        yield difference(len(bundle.events) + 1, "", "hash", bundle.hash, before)


def divergences(bundle: Bundle, encoders: Encoders) -> Iterator[Difference]:
    run: Run | None = None
    for event in bundle.events:
        if run and event.kind in DECISIONS:
            yield from compared(run, event, bundle.parts, encoders)
        run = fold(run, event, bundle.parts)


def compared(run: Run, event: Event, parts: Parts, encoders: Encoders) -> Iterator[Difference]:
    recorded, derived, payload = event.said(), decide(run), b""
    if isinstance(derived, CallModel):
        seen = getattr(recorded, "seen", None) or Seen()
        derived, _, payload = called(run, seen, encoders)
    if isinstance(derived, Wait):
        yield difference(event.seq, "", "decision", event.kind, f"wait for {derived.on}")
        return
    if payload and isinstance(recorded, Called):
        frame, items = parts[recorded.parts["frame"]].body, unchain(parts, recorded.parts["items"])
        sent = orjson.loads(Payload(frame, items).body())
        for path, one, other in differences(sent, orjson.loads(payload)):
            yield difference(event.seq, path, "payload", one, other)
    bodies = recorded.model_dump(mode="json"), derived.model_dump(mode="json")
    for path, one, other in differences(*bodies):
        yield difference(event.seq, path, "decision", one, other)


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
