"""The API's own description in OpenAPI 3.1, made from the table of routes when somebody asks."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from sidecar.core.view import RunView
from sidecar.loop import ENCODERS

TEXT, WHOLE = {"type": "string"}, {"type": "integer", "minimum": 0}
REF = "#/components/schemas/{model}"
PROBLEM = {
    "description": "RFC 9457: what went wrong, and what to do about it.",
    "type": "object",
    "properties": {"type": TEXT | {"pattern": "^urn:agentrt:"}, "status": {"type": "integer"}}
    | dict.fromkeys(["code", "title", "detail", "field", "remedy"], TEXT),
    "required": ["type", "code", "title", "status", "detail"],
    "additionalProperties": False,
}
WRONG = {
    "400": "the body is no JSON",
    "401": "no key, or one that nobody has",
    "403": "the key has not this scope",
    "404": "there is none, or it is another customer's",
    "409": "something else is in the way",
    "413": "the body is over 4 MiB",
    "422": "something is not as it has to be: `field` names it",
    "500": "agentrt's own fault",
    "503": "a store is away: try again",
}
TYPES = {"enum": ["array", "boolean", "integer", "null", "number", "object", "string"]}
INNER = {"anyOf": [{"type": "boolean"}, {"$ref": REF.format(model="JsonSchema")}]}
NAMED = {"type": "object", "additionalProperties": INNER}
KEYWORDS = {
    "type": {"anyOf": [TYPES, {"type": "array", "items": TYPES, "minItems": 1}]},
    "properties": NAMED,
    "required": {"type": "array", "items": TEXT, "uniqueItems": True},
    "items": INNER,
    "anyOf": {"type": "array", "minItems": 1, "items": INNER},
    "enum": {"type": "array"},
    "description": TEXT,
}
JSON_SCHEMA = {
    "description": "JSON Schema 2020-12, all of it; references lead to places in the same schema.",
    "externalDocs": {"url": "https://json-schema.org/draft/2020-12/schema"},
    "type": "object",
    "properties": KEYWORDS,
}
EVENT = {
    "properties": {"run": TEXT | {"format": "uuid"}, "seq": WHOLE, "at_ms": WHOLE, "at": TEXT}
    | {"kind": TEXT, "body": {"type": "object"}, "hash": TEXT},
    "required": ["run", "seq", "at", "kind", "body", "hash"],
}
PART = {"properties": dict.fromkeys(["name", "previous", "body"], TEXT)}
GIVEN = {
    "get_events": {
        "properties": {"hash": TEXT, "events": {"type": "array", "items": EVENT}}
        | {"parts": {"type": "array", "items": PART}},
        "required": ["hash", "events", "parts"],
    },
    "get_health": {"properties": {"status": {"enum": ["up", "down"]}}, "required": ["status"]},
    "get_live": {"properties": {"status": {"const": "up"}}, "required": ["status"]},
    "get_openapi": {"required": ["openapi", "info", "paths", "components"]},
}
TOLD_ONCE = {
    "digest": TEXT | {"description": "of a tool's binding"},
    "signing_secret": TEXT | {"description": "in the answer to PUT, where something is signed"},
    "key": TEXT | {"description": "in the answer to PUT of a key, and never again"},
}
IDEMPOTENT = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "one key, one run, however often it is sent",
    "schema": TEXT | {"pattern": "^[!-~]{1,200}$"},
}


def described(routes: Sequence[Any], version: str) -> dict[str, Any]:
    asked = {(route.takes, "validation") for route in routes}
    given = {(route.gives, "serialization") for route in routes if route.gives}
    ordered: Any = sorted(asked | given, key=lambda pair: (pair[0].__name__, pair[1]))
    _, definitions = models_json_schema(ordered, ref_template=REF)
    schemas = definitions["$defs"] | {"Problem": PROBLEM, "JsonSchema": JSON_SCHEMA}
    paths: dict[str, Any] = {}
    for route in routes:
        told = operation(route, routes, schemas)
        paths.setdefault(plain(route.path), {})[route.method.lower()] = told
    schemas |= {title: by_kind(schemas, one) for title, one in schemas.items()}
    keys = {"type": "http", "scheme": "bearer", "description": "its scopes: run, read, admin"}
    components = {"schemas": exact(schemas), "securitySchemes": {"key": keys}}
    info = {"title": "agentrt", "version": version}
    return {"openapi": "3.1.0", "info": info, "paths": exact(paths), "components": components}


def by_kind(schemas: dict[str, Any], schema: Any) -> dict[str, Any]:
    """Each kind of contract has a config of its own; http is the kind that need not be named."""
    told = schema.get("properties", {})
    if "config" not in told:
        return schema
    kinds = told["kind"].get("enum", ["caller"])
    configs: dict[str, Any] = {"http": {"$ref": REF.format(model="HttpConfig")}}
    configs |= {
        "function": {"$ref": REF.format(model="FunctionConfig")},
        "caller": {"type": "null"},
    }
    needs = {"http": {"config"}, "function": {"config", "kind"}, "caller": {"kind"}}
    shapes = [
        schema
        | {"properties": told | {"kind": {"const": kind}, "config": configs[kind]}}
        | {"required": sorted({*schema["required"]} | (needs[kind] if len(kinds) > 1 else set()))}
        for kind in kinds
    ]
    return {"anyOf": shapes} if len(shapes) > 1 else shapes[0]


def operation(route: Any, routes: Sequence[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"operationId": name(route), "parameters": parameters(route, schemas)}
    told["security"] = [{"key": [route.scope]}] if route.scope else []
    if route.takes.model_fields:
        required = any(field.is_required() for field in route.takes.model_fields.values())
        told["requestBody"] = {"required": required} | content(asked(route, schemas))
    good = {"description": "done"}
    if route.method != "DELETE":
        good |= content(given(route, schemas)) | {"links": links(route, routes)}
    statuses = ["204"] if route.method == "DELETE" else ["200"]
    if route.method == "POST" and route.gives is RunView:
        statuses.append("202")
    return told | {"responses": dict.fromkeys(statuses, good) | refusals(route)}


def name(route: Any) -> str:
    folder = getattr(getattr(route.function, "__self__", None), "folder", "")
    return f"{route.function.__name__}_{folder}".strip("_")


def plain(path: str) -> str:
    return re.sub(r":[^}]*", "", path)


def variables(route: Any) -> list[str]:
    return re.findall(r"{(\w+)", route.path)


def parameters(route: Any, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    asked = route.query.model_json_schema().get("properties", {})
    told = [{"name": name, "in": "query", "schema": schema} for name, schema in asked.items()]
    model = getattr(getattr(route.function, "__self__", None), "model", None)
    known = schemas[model.__name__]["properties"] if model else {"run": TEXT | {"format": "uuid"}}
    known = known | {"provider": {"enum": sorted(ENCODERS)}}
    for one in variables(route):
        schema = {key: value for key, value in known[one].items() if key != "default"}
        told.append({"name": one, "in": "path", "required": True, "schema": schema})
    return told + ([IDEMPOTENT] if name(route) in ("post_turn", "post_generate") else [])


def asked(route: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A document's name is in its path, and not asked again."""
    title = route.takes.__name__
    if route.method == "PUT":
        whole, title = schemas[title], f"{title}Asked"
        left = {
            k: v for k, v in whole["properties"].items() if k not in ("name", *variables(route))
        }
        schemas[title] = whole | {"title": title, "properties": left}
    return {"$ref": REF.format(model=title)}


def given(route: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    door = getattr(route.function, "__self__", None)
    if door is None:
        title = route.gives.__name__ if route.gives else ""
        return (
            {"$ref": REF.format(model=title)} if title else {"type": "object"} | GIVEN[name(route)]
        )
    title = f"{door.model.__name__}Kept"
    whole = schemas[door.model.__name__]
    told = {"properties": whole["properties"] | TOLD_ONCE, "required": list(whole["properties"])}
    schemas[title] = whole | {"title": title} | told
    one = {"$ref": REF.format(model=title)}
    if route.function.__name__ != "list":
        return one
    listed = {door.folder: {"type": "array", "items": one}}
    return {"type": "object", "properties": listed, "required": list(listed)}


def refusals(route: Any) -> dict[str, Any]:
    statuses = {"400", "413", "422", "500", "503", "401"}
    statuses |= {"403"} if route.scope else set()
    statuses |= {"404"} if route.query.model_fields or route.takes.model_fields else set()
    statuses |= {"404"} if "{" in route.path else set()
    statuses |= {"409"} if route.takes.model_fields else set()
    problem = {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}
    told = {one: {"description": WRONG[one], "content": problem} for one in sorted(statuses)}
    told["401"] = told["401"] | {
        "headers": {"WWW-Authenticate": {"required": True, "schema": TEXT}}
    }
    if name(route) == "get_health":
        told["503"] = {"description": WRONG["503"]} | content(
            {"type": "object"} | GIVEN["get_health"]
        )
    return told


def links(route: Any, routes: Sequence[Any]) -> dict[str, Any]:
    """From what began or was put to what may be done with it."""
    told: dict[str, Any] = {}
    for other in routes:
        if route.gives is RunView and "{run}" in other.path:
            told[name(other)] = {"parameters": {"run": "$response.body#/run"}}
        if route.method == "PUT" and other.path == route.path and other.method != "PUT":
            from_path = {one: f"$request.path.{one}" for one in variables(route)}
            told[name(other)] = {"parameters": from_path}
    if name(route) == "put_agents":
        told["post_turn"] = {"requestBody": {"agent": "$response.body#/name"}}
    return {key: link | {"operationId": key} for key, link in told.items()}


def content(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def exact(node: Any) -> Any:
    """With the schema of schemas where a model says that any object will do."""
    if isinstance(node, list):
        return [exact(one) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("additionalProperties") is True:
        return {"$ref": REF.format(model="JsonSchema")}
    return {key: exact(value) for key, value in node.items()}
