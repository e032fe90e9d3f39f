"""Two questions to a recorded run: is its log intact, and would today's code decide the same?

Inputs are folded as recorded; each decision is derived again by `decide`, `route` and `encode`
from what was folded and what the edge had `seen`, and compared with the one in the log.
"""

# Walks JSON of any shape.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import orjson

from sidecar.core.bundle import Bundle
from sidecar.core.events import Called, Decided, Event, Parts, Seen, part, unchain
from sidecar.core.messages import canonical
from sidecar.core.run import PROMPTS, Run, fold
from sidecar.core.turn import CallModel, Encoders, Payload, Wait, called, decide
from sidecar.core.view import Difference, Verdict


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


def damages(bundle: Bundle) -> Iterator[Difference]:
    """Breaks in the chain of hashes, and parts that are not what their name says."""
    before, sound = "", {""}
    for seq, event in enumerate(bundle.events, 1):
        yield from differences(seq, "hash", event.seq, seq)
        yield from differences(seq, "hash", event.hash, event.sealed(before).hash)
        for key, name in event.parts().items():
            while name not in sound:
                held = bundle.parts.get(name)
                found = part(held.body, held.previous).name if held else None
                yield from differences(seq, "part", name, found, f"/parts/{key}")
                sound.add(name)
                name = held.previous if held else ""
        before = event.hash
    yield from differences(len(bundle.events) + 1, "hash", bundle.hash, before)


def divergences(bundle: Bundle, encoders: Encoders) -> Iterator[Difference]:
    run: Run | None = None
    for event in bundle.events:
        if run and isinstance(event.said(), Decided):
            yield from compared(run, event, bundle.parts, encoders)
        run = fold(run, event, bundle.parts)


def compared(run: Run, event: Event, parts: Parts, encoders: Encoders) -> Iterator[Difference]:
    recorded, derived, payload = event.said(), decide(run), b""
    if isinstance(derived, CallModel):
        seen = getattr(recorded, "seen", None) or Seen()
        derived, _, payload = called(run, seen, encoders)
    if isinstance(derived, Wait):
        yield from differences(event.seq, "decision", event.kind, f"wait for {derived.on}")
        return
    if payload and isinstance(recorded, Called):
        frame, items = parts[recorded.parts["frame"]].body, unchain(parts, recorded.parts["items"])
        sent = orjson.loads(Payload(frame, items).body())
        yield from differences(event.seq, "payload", sent, orjson.loads(payload))
    bodies = recorded.model_dump(mode="json"), derived.model_dump(mode="json")
    yield from differences(event.seq, "decision", *bodies)


def differences(seq: int, what: Any, a: Any, b: Any, path: str = "") -> Iterator[Difference]:
    """One for each JSON pointer at which two JSON values differ; what is absent counts as None."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b}):
            yield from differences(seq, what, a.get(key), b.get(key), f"{path}/{key}")
    elif isinstance(a, list) and isinstance(b, list):
        for number, (one, other) in enumerate(zip_longest(a, b)):
            yield from differences(seq, what, one, other, f"{path}/{number}")
    elif canonical(a) != canonical(b):
        recorded, derived = (canonical(side).decode()[:500] for side in (a, b))
        yield Difference(seq=seq, path=path, what=what, recorded=recorded, derived=derived)
