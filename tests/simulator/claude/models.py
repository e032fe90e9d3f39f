"""The Claude models that exist here, and what each of them refuses.

Context sizes: genai-prices 0.2.3. The rest: pydantic-ai-slim 2.68 profiles/anthropic.py and
platform.claude.com/docs/en/build-with-claude/preserved-thinking. Read on 2026-11-23.
"""

from dataclasses import dataclass

from tests.simulator.rejected import Rejected

EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Model:
    """`forced`: takes a forced tool_choice. `binds`: thinking is good after its own past only."""

    context_tokens: int = 1_000_000
    output_tokens: int = 128_000
    thinks: bool = True
    forced: bool = True
    binds: bool = False


MODELS = {
    "claude-fable-5-2": Model(forced=False, binds=True),
    "claude-haiku-4-5": Model(context_tokens=200_000, output_tokens=64_000, thinks=False),
    "claude-haiku-5-5": Model(binds=True),
    "claude-opus-4-8": Model(thinks=False),
    "claude-opus-5": Model(),
    "claude-opus-5-5": Model(forced=False, binds=True),
    "claude-sonnet-5": Model(),
    "claude-sonnet-5-5": Model(forced=False, binds=True),
}


def find(name: str) -> Model:
    if name not in MODELS:
        raise Rejected(f"model: {name}", status=404)
    return MODELS[name]
