"""The dialect of JSON Schema that Anthropic compiles to a grammar.

platform.claude.com/docs/en/build-with-claude/structured-outputs and pydantic-ai-slim 2.68
(models/_anthropic_schema_limits.py), read on 2026-11-23.
"""

from collections.abc import Iterator

from tests.simulator.rejected import Rejected

REFUSED = (
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "if",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
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
    "uri",
    "uuid",
)
OPTIONAL, UNIONS = 24, 16


def check(where: str, schema: dict) -> None:
    nodes = list(walk(schema))
    for node in nodes:
        for problem in faults(node):
            raise Rejected(f"{where}: {problem}")
    if recursive(schema, schema, ()):
        raise Rejected(f"{where}: Recursive schemas are not supported")
    objects = [node for node in nodes if "properties" in node]
    optional = sum(
        len(node["properties"].keys() - set(node.get("required", []))) for node in objects
    )
    unions = sum("anyOf" in node or isinstance(node.get("type"), list) for node in nodes)
    if optional > OPTIONAL or unions > UNIONS:
        raise Rejected(f"{where}: Schema is too complex: {optional} optional, {unions} unions")


def walk(schema: object) -> Iterator[dict]:
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in ("properties", "$defs"):
        for inner in schema.get(keyword, {}).values():
            yield from walk(inner)
    for inner in [schema.get("items"), *schema.get("anyOf", []), *schema.get("allOf", [])]:
        yield from walk(inner)


def faults(schema: dict) -> Iterator[str]:
    # What the grammar cannot count or compare.
    yield from (f"Property '{word}' is not supported" for word in REFUSED if word in schema)
    # Objects are closed.
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
    # Lists may be empty or not, no more.
    if schema.get("minItems", 0) > 1:
        yield "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    if "format" in schema and schema["format"] not in FORMATS:
        yield f"For 'string' type, format '{schema['format']}' is not supported"
    # Every place says what it holds.
    if not schema.keys() & {"type", "anyOf", "allOf", "$ref", "enum", "const"}:
        yield "Schema type is missing"
    if not str(schema.get("$ref", "#")).startswith("#"):
        yield "External '$ref' is not supported"


def recursive(root: dict, node: object, within: tuple[str, ...]) -> bool:
    if isinstance(node, list):
        return any(recursive(root, one, within) for one in node)
    if not isinstance(node, dict):
        return False
    inner = [value for key, value in node.items() if key not in ("$defs", "$ref")]
    reference = node.get("$ref")
    if reference in within:
        return True
    if reference is not None:
        found: object = root
        for step in reference.split("/")[1:]:
            found = found[step]  # type: ignore[index]
        if recursive(root, found, (*within, reference)):
            return True
    return recursive(root, inner, within)
