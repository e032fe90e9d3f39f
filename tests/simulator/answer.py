"""What the model says: calls of the tools on offer, then an answer that cites what came back."""

import json
from dataclasses import dataclass

from tests.simulator import facts as conversation
from tests.simulator.facts import Facts
from tests.simulator.instance import Filler, broken

SUBJECTS = ("subject", "title", "headline")
LETTERS = (
    "answer",
    "body",
    "content",
    "draft",
    "email_body",
    "message",
    "reply",
    "response",
    "text",
)


@dataclass(frozen=True, slots=True)
class Call:
    tool: str
    arguments: str


def calls(request: dict) -> list[Call]:
    """One for each tool that is due; a call already answered is not made again."""
    done = {(item["name"], item["arguments"]) for item in _since_forced(request)}
    facts = conversation.read(request)
    wanted = [Call(tool["name"], arguments(tool, facts)) for tool in _due(request, facts)]
    fresh = [call for call in wanted if (call.tool, call.arguments) not in done]
    return fresh[:1] if request.get("parallel_tool_calls") is False else fresh


def arguments(tool: dict, facts: Facts) -> str:
    free_text = facts.gist(words=40)
    return json.dumps(Filler(tool["parameters"], facts, lambda _: free_text).whole())


def text(request: dict) -> str:
    """A JSON instance where a schema or JSON is asked for, else a letter."""
    facts, schema = conversation.read(request), answer_schema(request)
    if schema is not None:
        instance = Filler(schema, facts, lambda name: prose(name, facts)).whole()
        return json.dumps(instance, ensure_ascii=False)
    return letter(facts)


def broken_text(request: dict) -> str:
    return json.dumps(broken(json.loads(text(request))) if answer_schema(request) else {})


def answer_schema(request: dict) -> dict | None:
    form = (request.get("text") or {}).get("format") or {}
    return form.get("schema", {"type": "object"} if form.get("type") == "json_object" else None)


def prose(name: str, facts: Facts) -> str:
    """The text of a property, by its name."""
    if name.lower() in SUBJECTS:
        return ": ".join(filter(None, (facts.company() or facts.person(), facts.gist(words=8))))
    if any(name.lower().endswith(word) for word in LETTERS):
        return letter(facts)
    about = facts.company() or facts.person() or facts.gist(words=4)
    found = facts.citations() or facts.gist()
    return f"{name.replace('_', ' ').capitalize()} of {about}: {found}"


def letter(facts: Facts) -> str:
    person, company, found = facts.person(), facts.company(), facts.citations()
    greeting = f"Hello {person}," if person else "Hello,"
    thanks = f"thank you for your message about: {facts.gist()}."
    looked_up = f"What we know{f' of {company}' if company else ''}: {found}." if found else ""
    return "\n\n".join(filter(None, (greeting, thanks, looked_up, "Kind regards")))


def _due(request: dict, facts: Facts) -> list[dict]:
    """A demanded tool; else those the conversation names, else the first."""
    tools, choice = request.get("tools") or [], request.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        return [tool for tool in tools if tool["name"] == choice["name"]]
    if choice == "none" or (choice == "auto" and _answered(request)):
        return []
    said = " ".join([*facts.texts, request.get("instructions") or ""]).lower()
    named = [tool for tool in tools if tool["name"].replace("_", " ").lower() in said]
    return named or tools[:1]


def _answered(request: dict) -> bool:
    """Whether a tool result follows the newest message of the user."""
    for item in reversed(conversation.items(request)):
        if item.get("type") == "function_call_output":
            return True
        if item.get("role") == "user":
            return False
    return False


def _since_forced(request: dict) -> list[dict]:
    """Calls made so far, unless a call is demanded: then they do not count."""
    if request.get("tool_choice") not in (None, "auto"):
        return []
    return [item for item in conversation.items(request) if item.get("type") == "function_call"]
