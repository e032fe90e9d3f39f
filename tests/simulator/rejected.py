"""An error in OpenAI's form."""

import re
from collections.abc import Mapping
from types import MappingProxyType

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Rejected(Exception):
    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.param, self.code = status, kind, param, code
        self.headers = headers

    def body(self) -> dict:
        named = {"type": self.kind, "param": self.param, "code": self.code}
        return {"error": {"message": str(self), **named}}


def invalid_type(param: str, expected: str, value: object) -> Rejected:
    names = {
        bool: "a boolean",
        int: "an integer",
        float: "a decimal number",
        str: "a string",
        list: "an array",
        dict: "an object",
        type(None): "null",
    }
    got = names[type(value)]
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return Rejected(message, param=param, code="invalid_type")


def invalid_value(param: str, value: object, allowed: tuple[str, ...]) -> Rejected:
    choices = ", ".join(f"'{choice}'" for choice in allowed)
    message = f"Invalid value: '{value}'. Supported values are: {choices}."
    return Rejected(message, param=param, code="invalid_value")


def missing(param: str) -> Rejected:
    message = f"Missing required parameter: '{param}'."
    return Rejected(message, param=param, code="missing_required_parameter")


def valid_name(param: str, name: object) -> None:
    if not name:
        raise missing(param)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        pattern = "^[a-zA-Z0-9_-]{1,64}$"
        message = f"Invalid '{param}': expected a string that matches the pattern '{pattern}'."
        raise Rejected(message, param=param, code="invalid_value")
