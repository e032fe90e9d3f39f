"""A run's log, whole: what folds to the run, what a replay compares, what leaves by itself."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

import orjson

from sidecar.core.events import Event, Parts
from sidecar.core.messages import rfc3339
from sidecar.core.run import Run, fold
from sidecar.errors import Problem


@dataclass(frozen=True, slots=True)
class Bundle:
    """A run's log, whole; `hash` is what the run's row says of its last event."""

    events: Sequence[Event]
    parts: Parts
    hash: str

    def run(self) -> Run:
        """Problem `log_damaged` where the log does not read."""
        try:
            began = fold(None, self.events[0], self.parts)
            return reduce(lambda run, event: fold(run, event, self.parts), self.events[1:], began)
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
