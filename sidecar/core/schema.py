"""JSON Schemas from outside: checked by `jsonschema`, applied by `jsonschema-rs`."""

from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson
from jsonschema import Draft202012Validator

from sidecar.core.events import Flaw
from sidecar.core.messages import canonical
from sidecar.errors import Problem

DEPTH = 64  # of a schema and of an instance; the compiled validator recurses on the C stack
WEIGHT = 100_000  # places in a schema with every local $ref written out
FLAWS = 10
REGEXES = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)


def at(document: Any, pointer: str) -> Any:
    """LookupError or ValueError if the JSON pointer leads nowhere."""
    for key in pointer.split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def weight(root: Any, node: Any, within: tuple[str, ...] = (), depth: int = 0) -> int:
    """How many places `node` has with its references written out; a cycle counts once."""
    if depth > DEPTH:
        raise ValueError("it is nested more than 64 deep")
    if not isinstance(node, dict | list):
        return 1
    inner = [v for k, v in node.items() if k != "$defs"] if isinstance(node, dict) else node
    total = 1 + sum(weight(root, value, within, depth + 1) for value in inner)
    reference = node.get("$ref") if isinstance(node, dict) else None
    if reference is not None and reference not in within:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise ValueError(f"$ref {reference!r} is not local")
        total += weight(root, at(root, reference[1:]), (*within, reference), depth + 1)
    if total > WEIGHT:
        raise ValueError("its references expand to more than 100,000 places")
    return total


def no_retrieval(uri: str) -> Any:
    raise ValueError(f"{uri} is not local")


@lru_cache(maxsize=1_024)
def compiled(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        orjson.loads(schema), retriever=no_retrieval, mask="<value>", pattern_options=REGEXES
    )


def check_schema(schema: dict[str, Any], field: str) -> None:
    """Raises Problem `validation` that names `field` and what is wrong with its schema."""
    broken = next(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema), None)
    try:
        if broken is not None:
            raise ValueError(f"{broken.json_path}: {broken.message[:200]}")
        weight(schema, schema)
        compiled(canonical(schema))
    except (ValueError, LookupError, jsonschema_rs.ReferencingError) as error:
        remedy = "Send a JSON Schema (2020-12) with local references only."
        detail = f"{field} is not a usable JSON Schema: {error}"
        raise Problem("validation", detail, field=field, remedy=remedy) from error


def flaws(schema: dict[str, Any], value: Any) -> tuple[Flaw, ...]:
    """At most FLAWS ways in which `value` (parsed, not too deep) breaks `schema`."""
    errors = islice(compiled(canonical(schema)).iter_errors(value), FLAWS)
    return tuple(flaw(schema, error.instance_path, error.schema_path) for error in errors)


def flaw(schema: Any, path: list[str | int], rule: list[str | int]) -> Flaw:
    """Says what the keyword demands in the schema's own words, never in a library's."""
    for key in rule:
        schema = schema[key]
    where = "".join(f"/{key}" for key in path)
    return Flaw(path=where, rule=str(rule[-1]), expected=orjson.dumps(schema).decode()[:200])


def too_deep(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, dict | list) or depth > DEPTH:
        return depth > DEPTH
    inner = value.values() if isinstance(value, dict) else value
    return any(too_deep(item, depth + 1) for item in inner)


def parse(text: str | bytes) -> Any:
    """ValueError if it is no JSON or is nested more than DEPTH deep."""
    value = orjson.loads(text)
    if too_deep(value):
        raise ValueError("nested more than 64 deep")
    return value
