"""What the real API refuses about the tools on offer."""

from tests.simulator import strict
from tests.simulator.rejected import Rejected, invalid_value, valid_name


def offered(request: dict) -> None:
    # Flat function tools with a name, an object schema and, if strict, the strict dialect.
    for index, tool in enumerate(request.get("tools") or []):
        param = f"tools[{index}]"
        if tool.get("type") != "function":
            raise invalid_value(f"{param}.type", tool.get("type"), ("function",))
        valid_name(f"{param}.name", tool.get("name"))
        schema, where = tool.get("parameters") or {}, f"function '{tool['name']}'"
        if schema.get("type") != "object":
            got = schema.get("type", "None")
            must = f"schema must be a JSON Schema of type 'object', got type '{got}'"
            message = f"Invalid schema for {where}: {must}."
            raise Rejected(message, param=f"{param}.parameters", code="invalid_function_parameters")
        if tool.get("strict"):
            code = "invalid_function_parameters"
            strict.check(schema, where=where, param=f"{param}.parameters", code=code)


def choice(request: dict) -> None:
    # A word or one of the offered tools; a call can be demanded only where a tool is offered.
    asked, names = request.get("tool_choice"), [tool["name"] for tool in request.get("tools") or []]
    if isinstance(asked, dict):
        if asked.get("type") != "function" or asked.get("name") not in names:
            message = f"Tool choice '{asked.get('name')}' not found in 'tools' parameter."
            raise Rejected(message, param="tool_choice")
    elif asked not in (None, "none", "auto", "required"):
        raise invalid_value("tool_choice", asked, ("none", "auto", "required"))
    elif asked == "required" and not names:
        raise Rejected("Tool choice 'required' needs 'tools'.", param="tool_choice")
