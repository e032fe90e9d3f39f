"""What the real API refuses about the parameters of a request."""

from collections.abc import Callable

from tests.simulator import items, strict, tools
from tests.simulator.models import EFFORTS, effort, find
from tests.simulator.rejected import Rejected, invalid_type, invalid_value, missing, valid_name

BYTES_PER_TOKEN = 4

# openai 3.54.0, types/responses/response_create_params.py, read on 2026-11-23
TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "background": ("a boolean", (bool,)),
    "conversation": ("a string or an object", (str, dict)),
    "include": ("an array", (list,)),
    "input": ("a string or an array", (str, list)),
    "instructions": ("a string", (str,)),
    "max_output_tokens": ("an integer", (int,)),
    "max_tool_calls": ("an integer", (int,)),
    "metadata": ("an object", (dict,)),
    "model": ("a string", (str,)),
    "parallel_tool_calls": ("a boolean", (bool,)),
    "previous_response_id": ("a string", (str,)),
    "prompt": ("an object", (dict,)),
    "prompt_cache_key": ("a string", (str,)),
    "prompt_cache_options": ("an object", (dict,)),
    "prompt_cache_retention": ("a string", (str,)),
    "reasoning": ("an object", (dict,)),
    "safety_identifier": ("a string", (str,)),
    "service_tier": ("a string", (str,)),
    "store": ("a boolean", (bool,)),
    "stream": ("a boolean", (bool,)),
    "stream_options": ("an object", (dict,)),
    "temperature": ("a decimal number", (int, float)),
    "text": ("an object", (dict,)),
    "tool_choice": ("a string or an object", (str, dict)),
    "tools": ("an array", (list,)),
    "top_logprobs": ("an integer", (int,)),
    "top_p": ("a decimal number", (int, float)),
    "truncation": ("a string", (str,)),
    "user": ("a string", (str,)),
}
# openai 3.54.0, types/responses/response_includable.py, read on 2026-11-23
INCLUDABLE = (
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
)


def check(request: dict) -> None:
    for rule in RULES:
        rule(request)


def known_parameters(request: dict) -> None:
    # A parameter nobody knows is refused, not ignored.
    for name, value in request.items():
        if name not in TYPES:
            message = f"Unknown parameter: '{name}'."
            raise Rejected(message, param=name, code="unknown_parameter")
        expected, types = TYPES[name]
        if value is not None and type(value) not in types:
            raise invalid_type(name, expected, value)


def required_parameters(request: dict) -> None:
    # `model` and something to answer.
    for name in ("model", "input"):
        if not request.get(name):
            raise missing(name)
    find(request["model"])


def nothing_is_stored(request: dict) -> None:
    # With `store: false` there is no earlier response to continue from; none is kept here.
    if earlier := request.get("previous_response_id"):
        message = f"Previous response with id '{earlier}' not found."
        code = "previous_response_not_found"
        raise Rejected(message, param="previous_response_id", code=code)
    if request.get("stream") or request.get("background"):
        raise Rejected("Streaming and background responses are not simulated.", param="stream")


def sampling(request: dict) -> None:
    # A model that reasons takes no sampling parameters.
    for name, highest in (("temperature", 2), ("top_p", 1)):
        value = request.get(name)
        if value is None:
            continue
        if effort(request) != "none":
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            raise Rejected(message, param=name)
        if not 0 <= value <= highest:
            message = f"Invalid '{name}': expected a value between 0 and {highest}."
            raise Rejected(message, param=name, code="decimal_above_max_value")


def reasoning(request: dict) -> None:
    # An effort is one of the list; a model without reasoning takes none, some cannot stop.
    asked, thinks = (request.get("reasoning") or {}).get("effort"), find(request["model"]).thinks
    if asked is None:
        return
    if thinks == "never":
        message = "Unsupported parameter: 'reasoning.effort' is not supported with this model."
        raise Rejected(message, param="reasoning.effort", code="unsupported_parameter")
    if asked not in EFFORTS or (asked == "none" and thinks == "always"):
        message = f"Unsupported value: '{asked}' is not supported with this model."
        raise Rejected(message, param="reasoning.effort", code="unsupported_value")


def includes(request: dict) -> None:
    # Only listed names; encrypted reasoning only where there is reasoning.
    for index, name in enumerate(request.get("include") or []):
        if name not in INCLUDABLE:
            raise invalid_value(f"include[{index}]", name, INCLUDABLE)
        if name == "reasoning.encrypted_content" and find(request["model"]).thinks == "never":
            raise Rejected("Encrypted content is not supported with this model.", param="include")


def limits(request: dict) -> None:
    # At least 16 output tokens; at most 16 short metadata pairs; the input fits the context.
    cap = request.get("max_output_tokens")
    if cap is not None and cap < 16:
        message = f"Invalid 'max_output_tokens': expected a value >= 16, but got {cap} instead."
        raise Rejected(message, param="max_output_tokens", code="integer_below_min_value")
    metadata = request.get("metadata") or {}
    if len(metadata) > 16 or any(len(k) > 64 or len(str(v)) > 512 for k, v in metadata.items()):
        raise Rejected("Invalid 'metadata': too many or too long pairs.", param="metadata")
    size = len(str(request["input"])) + len(request.get("instructions") or "")
    if size // BYTES_PER_TOKEN > find(request["model"]).context_tokens:
        message = "Your input exceeds the context window of this model."
        raise Rejected(message, param="input", code="context_length_exceeded")


def text_format(request: dict) -> None:
    # A named schema in the strict dialect; `json_object` only when the input speaks of JSON.
    form = (request.get("text") or {}).get("format") or {"type": "text"}
    match form.get("type"):
        case "text":
            return
        case "json_object":
            if "json" not in str(request["input"]).lower():
                message = "Response input messages must contain the word 'json' in some form."
                raise Rejected(message, param="input")
        case "json_schema":
            valid_name("text.format.name", form.get("name"))
            schema, param = form.get("schema"), "text.format.schema"
            if not isinstance(schema, dict):
                raise missing(param)
            if form.get("strict"):
                where = f"response_format '{form['name']}'"
                strict.check(schema, where=where, param=param, code="invalid_json_schema")
        case other:
            allowed = ("text", "json_object", "json_schema")
            raise invalid_value("text.format.type", other, allowed)


RULES: tuple[Callable[[dict], None], ...] = (
    known_parameters,
    required_parameters,
    nothing_is_stored,
    reasoning,
    sampling,
    includes,
    limits,
    tools.offered,
    tools.choice,
    text_format,
    items.check,
)
