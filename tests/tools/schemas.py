"""Writes schemas/*.json from the Pydantic models; with --check, fails where one has drifted."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sidecar.core import events
from sidecar.core.documents import Agent, Contract, Hook, Key, ModelRow, Policy, Setup
from sidecar.core.requests import GenerateRequest, Results, TurnRequest
from sidecar.core.view import RunList, RunView, Verdict

FOLDER = Path(__file__).parents[2] / "schemas"
ASKED: dict[str, type[BaseModel]] = {"turn_request": TurnRequest, "agent": Agent}
ASKED |= {"generate_request": GenerateRequest, "tool_results": Results, "hook": Hook, "key": Key}
ASKED |= {"contract": Contract, "policy": Policy, "model": ModelRow, "setup": Setup}
ANSWERED: dict[str, type[BaseModel]] = {"run": RunView, "runs": RunList, "verdict": Verdict}
SAID = [events.Started, events.Called, events.Replied, events.ModelFailed, events.ToolsAsked]
SAID += [events.ToolReturned, events.Stopped, events.Ended]
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457: what went wrong, and what to do about it.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "pattern": "^urn:agentrt:"},
        "code": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "remedy": {"type": "string"},
    },
    "required": ["type", "code", "title", "status", "detail"],
}


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def schemas() -> dict[str, Any]:
    made: dict[str, Any] = {"problem": PROBLEM}
    made |= {name: model.model_json_schema() for name, model in ASKED.items()}
    for name, model in ANSWERED.items():
        made[name] = model.model_json_schema(mode="serialization", by_alias=True)
    for model in SAID:
        made[f"event.{snake(model.__name__)}"] = model.model_json_schema()
    return made


def main() -> None:
    texts = {f"{name}.json": json.dumps(one, indent=2) + "\n" for name, one in schemas().items()}
    found = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    drifted = sorted({*texts, *found} - {name for name in texts if texts[name] == found.get(name)})
    if "--check" in sys.argv:
        sys.exit(f"schemas/ has drifted: {', '.join(drifted)}; run: make schemas" if drifted else 0)
    FOLDER.mkdir(exist_ok=True)
    for name in drifted:
        path = FOLDER / name
        path.write_text(texts[name]) if name in texts else path.unlink()


if __name__ == "__main__":
    main()
