"""The dialect of JSON Schema that `strict: true` accepts.

developers.openai.com/api/docs/guides/structured-outputs and the transformer in pydantic-ai-slim
2.68, read on 2026-11-23.
"""

import re
from collections.abc import Iterator

from tests.simulator.rejected import Rejected

REFUSED = (
    "allOf",
    "contains",
    "default",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxProperties",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
)
FORMATS = (
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uuid",
)
TYPED = ("type", "anyOf", "$ref", "enum", "const")
DEPTH, PROPERTIES, ENUM_VALUES, NAME_CHARS = 10, 5_000, 1_000, 120_000
LOOKAROUND = re.compile(r"\(\?<?[=!]")


def check(schema: dict, *, where: str, param: str, code: str) -> None:
    problem = next(_problems(schema), None)
    if problem is not None:
        path, text = problem
        message = f"Invalid schema for {where}: In context={path!r}, {text}."
        raise Rejected(message, param=param, code=code)


def _problems(root: dict) -> Iterator[tuple[tuple, str]]:
    # The root is a closed object, never a choice.
    if root.get("type") != "object" or "anyOf" in root:
        yield (), "schema must have type 'object' and not have 'anyOf' at the top level"
    names = enums = chars = 0
    for path, depth, schema in _walk(root, (), 0):
        yield from ((path, text) for text in _faults(schema))
        if depth > DEPTH:
            yield path, f"{depth} levels of nesting exceed the limit of {DEPTH}"
        names += len(schema.get("properties", {}))
        enums += len(schema.get("enum", []))
        chars += sum(map(len, schema.get("properties", {})))
        chars += sum(len(str(value)) for value in schema.get("enum", []))
    if names > PROPERTIES or enums > ENUM_VALUES or chars > NAME_CHARS:
        yield (), "the schema exceeds the limits on properties, enum values or their length"


def _walk(schema: dict, path: tuple, depth: int) -> Iterator[tuple[tuple, int, dict]]:
    yield path, depth, schema
    for keyword in ("properties", "$defs"):
        for key, inner in schema.get(keyword, {}).items():
            yield from _walk(inner, (*path, keyword, key), depth + (keyword == "properties"))
    if isinstance(schema.get("items"), dict):
        yield from _walk(schema["items"], (*path, "items"), depth + 1)
    for index, inner in enumerate(schema.get("anyOf", [])):
        yield from _walk(inner, (*path, "anyOf", str(index)), depth)


def _faults(schema: dict) -> Iterator[str]:
    # Not every keyword is compiled into the grammar; what is not is refused.
    yield from (f"'{word}' is not permitted" for word in REFUSED if word in schema)
    # Every place says what it holds.
    if not any(word in schema for word in TYPED):
        yield "schema must have a 'type' key"
    # A reference stands alone and stays inside.
    if "$ref" in schema and len(schema) > 1:
        yield "$ref cannot have keywords beside it"
    if not str(schema.get("$ref", "#")).startswith("#"):
        yield "reference can only point to definitions defined at the top level of the schema"
    # Formats and patterns only as the grammar can check them.
    if "format" in schema and schema["format"] not in FORMATS:
        yield f"'{schema['format']}' is not a valid format"
    if LOOKAROUND.search(schema.get("pattern", "")):
        yield "lookaround is not supported in 'pattern'"
    if schema.get("type") == "array" and not isinstance(schema.get("items"), dict):
        yield "array schema missing items"
    if schema.get("type") == "object" or "properties" in schema:
        yield from _open_object(schema)


def _open_object(schema: dict) -> Iterator[str]:
    # Objects are closed and all their properties required.
    if schema.get("additionalProperties") is not False:
        yield "'additionalProperties' is required to be supplied and to be false"
    properties, required = set(schema.get("properties", {})), set(schema.get("required", []))
    if properties != required:
        odd = sorted(properties ^ required)[0]
        rule = "an array including every key in properties"
        yield f"'required' is required to be supplied and to be {rule}. Extra or missing: '{odd}'"
