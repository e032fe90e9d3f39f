"""What the real API refuses about the items of `input`."""

from itertools import pairwise

from tests.simulator import sealed
from tests.simulator.rejected import Rejected, invalid_type, invalid_value, missing

ITEMS = ("message", "function_call", "function_call_output", "reasoning")
PARTS = {
    "user": ("input_text", "input_image", "input_file"),
    "system": ("input_text",),
    "developer": ("input_text",),
    "assistant": ("output_text", "refusal"),
}
# The fields a part or an item cannot do without.
NEEDS = {
    "input_text": ("text",),
    "output_text": ("text",),
    "refusal": ("refusal",),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "reasoning": ("id", "summary"),
}


def check(request: dict) -> None:
    if isinstance(request["input"], str):
        return
    for index, item in enumerate(request["input"]):
        _item(f"input[{index}]", item)
    _calls_and_outputs(request["input"])
    _reasoning_is_followed(request)


def _item(param: str, item: object) -> None:
    # An item is an object of a known type with that type's fields.
    if not isinstance(item, dict):
        raise invalid_type(param, "an object", item)
    kind = item.get("type", "message")
    if kind not in ITEMS:
        raise invalid_value(f"{param}.type", kind, ITEMS)
    _needs(param, kind, item)
    if kind == "message":
        _message(param, item)
    elif kind == "function_call" and not isinstance(item["arguments"], str):
        raise invalid_type(f"{param}.arguments", "a string", item["arguments"])


def _message(param: str, item: dict) -> None:
    # The parts a message may have depend on who speaks.
    role, content = item.get("role"), item.get("content")
    if role not in PARTS:
        raise invalid_value(f"{param}.role", role, tuple(PARTS))
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise invalid_type(f"{param}.content", "a string or an array", content)
    for index, part in enumerate(content):
        where = f"{param}.content[{index}]"
        if part.get("type") not in PARTS[role]:
            raise invalid_value(f"{where}.type", part.get("type"), PARTS[role])
        _needs(where, part["type"], part)


def _needs(param: str, kind: str, fields: dict) -> None:
    for name in NEEDS.get(kind, ()):
        if fields.get(name) is None:
            raise missing(f"{param}.{name}")


def _calls_and_outputs(items: list[dict]) -> None:
    # Every call has one output, after it; every output has its call.
    open_calls: set[str] = set()
    for item in items:
        call = item.get("call_id")
        if item.get("type") == "function_call":
            open_calls.add(item["call_id"])
        elif item.get("type") == "function_call_output":
            if call not in open_calls:
                message = f"No tool call found for function call output with call_id {call}."
                raise Rejected(message, param="input")
            open_calls.remove(item["call_id"])
    for call in sorted(open_calls):
        raise Rejected(f"No tool output found for function call {call}.", param="input")


def _reasoning_is_followed(request: dict) -> None:
    # A reasoning item comes back sealed, unchanged, and before the item it led to.
    items = [*request["input"], {}]
    for item, following in pairwise(items):
        if item.get("type") != "reasoning":
            continue
        name = item["id"]
        if not item.get("encrypted_content"):
            why = "Items are not persisted when `store` is set to false."
            raise Rejected(f"Item with id '{name}' not found. {why}", status=404, param="input")
        if not sealed.verify(item):
            message = f"The encrypted content for item {name} could not be verified."
            raise Rejected(message, code="invalid_encrypted_content")
        if following.get("role") != "assistant" and following.get("type") != "function_call":
            lacks = "was provided without its required following item"
            raise Rejected(f"Item '{name}' of type 'reasoning' {lacks}.", param="input")
