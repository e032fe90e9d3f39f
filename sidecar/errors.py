"""Every exception: whose fault is it, and is it worth trying again?

Fault
├── Problem        the caller's: one RFC 9457 document, never retried unchanged
├── Misconfigured  the operator's: the process does not start
├── StoreDown      Postgres or Redis is away: read again before writing again (503)
├── Taken          a unique key is in use: `str()` is the constraint's name
├── Fenced         another owner has the run: stop writing, nothing is lost
├── ModelFault     the provider's: becomes a `model_failed` event
└── ToolFault      the tool's: becomes the call's error, shown to the model
"""


class Fault(Exception):
    """The root. `str()` names the thing that failed."""


class Problem(Fault):
    """`document` is what HTTP answers; an empty field or remedy is left out."""

    def __init__(self, status: int, code: str, detail: str, **more: str) -> None:
        super().__init__(detail)
        head = {"type": f"urn:agentrt:{code}", "code": code, "status": status, "detail": detail}
        title = code.replace("_", " ").capitalize()
        self.status, self.document = status, head | {"title": title} | more


class Misconfigured(Fault):
    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(f"{message}. {remedy}")


class StoreDown(Fault):
    """The outcome of a write is unknown."""


class Taken(Fault):
    """By somebody who was earlier."""


class Fenced(Fault):
    """`owner`, `epoch` or `head` is no longer what this process wrote last."""


class ModelFault(Fault):
    """`kind` is an error class of core.events; `raw` is what the provider sent."""

    def __init__(self, kind: str, detail: str, *, after_ms: int = 0, raw: bytes = b"") -> None:
        super().__init__(detail)
        self.kind, self.after_ms, self.raw = kind, after_ms, raw


class ToolFault(Fault):
    """`again`: safe to repeat. `in_doubt`: it may have taken effect."""

    def __init__(self, code: str, detail: str, *, again: bool = False, in_doubt: bool = False):
        super().__init__(detail)
        self.code, self.again, self.in_doubt = code, again, in_doubt
