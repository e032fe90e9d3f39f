"""The models that exist here, and which of them think.

Context sizes: genai-prices 0.2.3. Who thinks: pydantic-ai-slim 2.68 profiles. Read on 2026-11-23.
"""

import re
from dataclasses import dataclass
from typing import Literal

from tests.simulator.rejected import Rejected

Thinks = Literal["always", "unless_none", "when_asked", "never"]
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
DATED = re.compile(r"-20\d\d-\d\d-\d\d$")


@dataclass(frozen=True, slots=True)
class Model:
    context_tokens: int
    thinks: Thinks


MODELS = {
    "gpt-4.1": Model(1_000_000, "never"),
    "gpt-4.1-mini": Model(1_000_000, "never"),
    "gpt-4o": Model(128_000, "never"),
    "gpt-4o-mini": Model(128_000, "never"),
    "gpt-5": Model(400_000, "always"),
    "gpt-5-mini": Model(400_000, "always"),
    "gpt-5-nano": Model(400_000, "always"),
    "gpt-5-pro": Model(400_000, "always"),
    "gpt-5.1": Model(400_000, "when_asked"),
    "gpt-5.2": Model(400_000, "when_asked"),
    "gpt-5.3": Model(128_000, "when_asked"),
    "gpt-5.4": Model(1_050_000, "when_asked"),
    "gpt-5.4-mini": Model(400_000, "when_asked"),
    "gpt-5.4-nano": Model(400_000, "when_asked"),
    "gpt-5.5": Model(1_000_000, "unless_none"),
    "gpt-5.6-luna": Model(1_050_000, "unless_none"),
    "gpt-5.6-sol": Model(1_050_000, "unless_none"),
    "gpt-5.6-terra": Model(1_050_000, "unless_none"),
    "gpt-6-astra": Model(1_050_000, "always"),
    "gpt-6-luna": Model(1_050_000, "unless_none"),
    "gpt-6-sol": Model(1_050_000, "unless_none"),
    "gpt-6.1-sol": Model(1_050_000, "always"),
    "gpt-6.1-terra": Model(1_050_000, "unless_none"),
    "o3": Model(200_000, "always"),
}


def find(name: str) -> Model:
    model = MODELS.get(DATED.sub("", name))
    if model is None:
        message = f"The model '{name}' does not exist or you do not have access to it."
        raise Rejected(message, status=404, param="model", code="model_not_found")
    return model


def effort(request: dict) -> str:
    """What the model does when the request says nothing, too."""
    thinks = find(request["model"]).thinks
    asked = (request.get("reasoning") or {}).get("effort")
    return asked or ("none" if thinks in ("never", "when_asked") else "medium")
