"""Thinking blocks: sealed, and bound to what was said before them."""

from tests.simulator import sealed
from tests.simulator.claude.models import find
from tests.simulator.rejected import Rejected

WORDS = "The user wants an answer that uses what is known."


def block(request: dict) -> dict:
    bound = past(request, request["messages"])
    return {"type": "thinking", "thinking": WORDS, "signature": f"{seal(WORDS)}.{bound}"}


def seal(words: str) -> str:
    return sealed.digest("thinking", words)[:24]


def past(request: dict, messages: list[dict]) -> str:
    return sealed.digest(request.get("system"), request.get("tools"), messages)[:24]


def check(request: dict) -> None:
    """A block comes back as it was; on models that bind it, after the very same past.

    platform.claude.com/docs/build-with-claude/preserved-thinking, read on 2026-11-23.
    """
    for index, message in enumerate(request["messages"]):
        blocks = message["content"] if isinstance(message["content"], list) else []
        for number, one in enumerate(blocks):
            if one["type"] != "thinking":
                continue
            where = f"messages.{index}.content.{number}: Invalid `signature` in `thinking` block."
            mark, _, bound = one["signature"].partition(".")
            if mark != seal(one["thinking"]):
                raise Rejected(where)
            if find(request["model"]).binds and bound != past(request, request["messages"][:index]):
                raise Rejected(f"{where} The block is bound to a different conversation.")
