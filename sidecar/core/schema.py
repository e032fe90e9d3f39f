"""JSON Schemas from outside: weighed, compiled and applied by `jsonschema-rs`."""

# Walks JSON of any shape.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson

from sidecar.core.documents import Contract
from sidecar.core.events import Flaw
from sidecar.core.messages import canonical
from sidecar.errors import Problem, ToolFault

DEPTH, WEIGHT, FLAWS = 64, 100_000, 10  # of a schema; WEIGHT with every $ref written out
FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
REGEXES = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)


def weight(root: Any, node: Any, within: tuple[str, ...] = (), depth: int = 0) -> int:
    """How many places `node` has with its references written out; a cycle counts once."""
    if depth > DEPTH:
        raise ValueError("it is too deep")
    if not isinstance(node, dict | list):
        return 1
    inner = [v for k, v in node.items() if k != "$defs"] if isinstance(node, dict) else node
    total = 1 + sum(weight(root, value, within, depth + 1) for value in inner)
    reference = node.get("$ref", "") if isinstance(node, dict) else ""
    if isinstance(reference, str) and reference.startswith("#/") and reference not in within:
        target = root
        for key in reference[2:].split("/"):
            key = key.replace("~1", "/").replace("~0", "~")
            target = target[int(key)] if isinstance(target, list) else target[key]
        total += weight(root, target, (*within, reference), depth + 1)
    if total > WEIGHT:
        raise ValueError("its references expand to too much")
    return total


@lru_cache(maxsize=1_024)
def compiled(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    """ValueError for what breaks the meta-schema; its `instance_path` says where."""
    options: Any = {"pattern_options": REGEXES, "offline": True}
    return jsonschema_rs.Draft202012Validator(orjson.loads(schema), **options)


def check_schema(schema: dict[str, Any], field: str) -> None:
    """Raises Problem `validation` that names `field` and what is wrong with its schema."""
    try:
        weight(schema, schema)
        compiled(canonical(schema))
    except (ValueError, LookupError, TypeError, jsonschema_rs.ReferencingError) as error:
        remedy = "Send a JSON Schema (2020-12) with local references only."
        where = "".join(f"/{key}" for key in getattr(error, "instance_path", ()))
        detail = f"{field}{where} is not a usable JSON Schema: {error}".partition("\n")[0][:500]
        raise Problem(422, "validation", detail, field=field, remedy=remedy) from error


def check_schemas(document: Any) -> None:
    """Those that a document has."""
    for field in ("input_schema", "output_schema"):
        if (schema := getattr(document, field, None)) is not None:
            check_schema(schema, field)


def flaws(schema: dict[str, Any], value: Any) -> tuple[Flaw, ...]:
    """At most FLAWS ways in which `value` breaks `schema`."""
    errors = islice(compiled(canonical(schema)).iter_errors(value), FLAWS)
    return tuple(flaw(schema, error.instance_path, error.schema_path) for error in errors)


def flaw(schema: Any, path: list[str | int], rule: list[str | int]) -> Flaw:
    """Says what the keyword demands in the schema's own words, never in a library's."""
    for key in rule:
        schema = schema[key]
    where = "".join(f"/{key}" for key in path)
    return Flaw(path=where, rule=str(rule[-1]), expected=orjson.dumps(schema).decode()[:200])


def answer(text: str, schema: dict[str, Any] | None) -> tuple[str | None, tuple[Flaw, ...]]:
    """The JSON text that fits `schema` (None without one), or what is wrong with it.

    A code fence or an object with one key around the answer is undone.
    """
    if not text.strip():
        return None, (Flaw(path="", rule="empty", expected="an answer"),)
    if schema is None:
        return None, ()
    fenced = FENCE.fullmatch(text)
    try:
        value = orjson.loads(fenced[1] if fenced else text)
        orjson.dumps(value)  # refuses what is too deep
    except (ValueError, TypeError):
        return None, (Flaw(path="", rule="json", expected="JSON and nothing around it"),)
    found = flaws(schema, value)
    if found and isinstance(value, dict) and len(value) == 1:
        (inner,) = value.values()
        if not flaws(schema, inner):
            value, found = inner, ()
    return (None, found) if found else (orjson.dumps(value).decode(), ())


def fit(schema: dict[str, Any], value: Any, code: str) -> None:
    """ToolFault with this code that says everything in which `value` breaks the contract."""
    found = [f"at {flaw.path or '/'}: {flaw.rule} {flaw.expected}" for flaw in flaws(schema, value)]
    if found:
        raise ToolFault(code, f"the contract is broken {'; '.join(found)}")


def checked(contract: Contract | None, text: str) -> tuple[Contract, dict[str, Any]]:
    """A call's arguments. ToolFault when nobody offered the tool, or they break its contract."""
    if contract is None:
        raise ToolFault("tool_unknown", "no tool of this name was offered")
    try:
        value = orjson.loads(text)
    except ValueError as error:
        raise ToolFault("arguments_invalid", f"the arguments are not JSON: {error}") from error
    for schema in ({"type": "object"}, contract.input_schema):
        fit(schema, value, "arguments_invalid")
    return contract, value
