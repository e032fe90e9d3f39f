"""The API's own description in OpenAPI 3.1, made from the table of routes when somebody asks."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, get_args, get_type_hints

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from sidecar.core.view import RunView

REF = "#/components/schemas/{model}"


@cache
def said() -> dict[str, Any]:
    """What neither a model nor the table of routes says."""
    return orjson.loads((files("sidecar.extras") / "openapi.json").read_bytes())


def described(routes: Sequence[Any], version: str) -> dict[str, Any]:
    asked = {(route.takes, "validation") for route in routes if has_body(route)}
    answers = {(model, "serialization") for route in routes if (model := gives(route))}
    ordered: Any = sorted(asked | answers, key=lambda pair: (pair[0].__name__, pair[1]))
    _, definitions = models_json_schema(ordered, ref_template=REF)
    schemas, paths = definitions["$defs"] | said()["schemas"], dict[str, Any]()
    for route in routes:
        path = re.sub(r":[^}]*", "", route.path)
        paths.setdefault(path, {})[route.method.lower()] = operation(route, routes, schemas)
    schemas = {title: by_kind(schema) for title, schema in schemas.items()}
    keys = {"type": "http", "scheme": "bearer", "description": "its scopes: run, read, admin"}
    whole = {"openapi": "3.1.0", "info": {"title": "agentrt", "version": version}, "paths": paths}
    return exact(whole | {"components": {"schemas": schemas, "securitySchemes": {"key": keys}}})


def operation(route: Any, routes: Sequence[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"operationId": name(route), "parameters": parameters(route, schemas)}
    told["security"] = [{"key": [route.scope]}] if route.scope else []
    if has_body(route):
        fields = route.takes.model_fields.values()
        required = name(route) == "post_generate" or any(one.is_required() for one in fields)
        told["requestBody"] = {"required": required} | content(asked(route, schemas))
    if route.method == "DELETE":
        return told | {"responses": {"204": {"description": "done"}} | refusals(route)}
    good = content(given(route, schemas)) | {"links": links(route, routes)}
    statuses = {"200": good | {"description": "done"}}
    if route.method == "POST" and gives(route) is RunView:
        statuses["202"] = good | {"description": "it still goes"}
    return told | {"responses": statuses | refusals(route)}


def door(route: Any) -> Any:
    """Of documents; None for any other call."""
    return getattr(route.function, "__self__", None)


def name(route: Any) -> str:
    return "_".join([route.function.__name__, *([door(route).folder] if door(route) else [])])


def gives(route: Any) -> type[BaseModel] | None:
    """The model of its answers: a document's own, or what the function says that it returns."""
    if door(route):
        return door(route).model
    _, found = get_args(get_type_hints(route.function)["return"])
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def has_body(route: Any) -> bool:
    return route.method in ("POST", "PUT") and bool(route.takes.model_fields)


def variables(route: Any) -> list[str]:
    return re.findall(r"{(\w+)", route.path)


def parameters(route: Any, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    known: dict[str, Any] = {"run": {"type": "string", "format": "uuid"}}
    if door(route):
        known = schemas[door(route).model.__name__]["properties"]
    inside = [(one, "path", known[one]) for one in variables(route)]
    queried = {} if has_body(route) else route.takes.model_json_schema().get("properties", {})
    inside += [(one, "query", schema) for one, schema in queried.items()]
    told = [
        {"name": one, "in": place, "required": place == "path", "schema": schema}
        for one, place, schema in inside
    ]
    return told + ([said()["header"]] if name(route) in ("post_turn", "post_generate") else [])


def asked(route: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A document's name is in its path, and not asked again."""
    title = route.takes.__name__
    if route.method == "PUT":
        whole, title, left_out = schemas[title], f"{title}Asked", {"name", *variables(route)}
        left = {key: value for key, value in whole["properties"].items() if key not in left_out}
        needed = [name for name in whole.get("required", ()) if name not in left_out]
        schemas[title] = whole | {"title": title, "properties": left, "required": needed}
    return ref(title)


def given(route: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if not door(route):
        model = gives(route)
        return ref(model.__name__ if model else said()["answers"][name(route)])
    whole, folder = schemas[door(route).model.__name__], door(route).folder
    told = {"title": f"{whole['title']}Kept", "required": list(whole["properties"])}
    told["properties"] = whole["properties"] | said()["told_once"]
    schemas[told["title"]] = whole | told
    if route.function.__name__ != "list":
        return ref(told["title"])
    listed = {folder: {"type": "array", "items": ref(told["title"])}}
    return {"type": "object", "properties": listed, "required": [folder]}


def refusals(route: Any) -> dict[str, Any]:
    """By status, with the reason that it has here."""
    problem = {"application/problem+json": {"schema": ref("Problem")}}
    told = {one: {"description": why, "content": problem} for one, why in said()["wrong"].items()}
    told["401"]["headers"] = said()["asks_for_a_key"]
    if name(route) == "get_health":
        told["503"] = {"description": "a store is away"} | content(ref("Health"))
    never = set() if route.scope else {"403"}
    never |= set() if "{" in route.path or route.takes.model_fields else {"404"}
    never |= set() if has_body(route) else {"409"}
    return {status: refusal for status, refusal in told.items() if status not in never}


def links(route: Any, routes: Sequence[Any]) -> dict[str, Any]:
    """From what began or was put to what may be done with it."""
    told: dict[str, Any] = {}
    for other in routes:
        if gives(route) is RunView and "{run}" in other.path:
            told[name(other)] = {"parameters": {"run": "$response.body#/run"}}
        if route.method == "PUT" and other.path == route.path and other.method != "PUT":
            from_path = {one: f"$request.path.{one}" for one in variables(route)}
            told[name(other)] = {"parameters": from_path}
    if name(route) == "put_agents":
        told["post_turn"] = {"requestBody": {"agent": "$response.body#/name"}}
    return {key: link | {"operationId": key} for key, link in told.items()}


def by_kind(schema: dict[str, Any]) -> dict[str, Any]:
    """Each kind of contract has a config of its own; http is the kind that need not be named."""
    told = schema.get("properties", {})
    if "config" not in told:
        return schema
    shapes: list[dict[str, Any]] = []
    for kind in told["kind"].get("enum", [told["kind"].get("const")]):
        kinds = told | said()["kinds"][kind]["properties"]
        needs = {*schema["required"], *said()["kinds"][kind]["required"]}
        needs -= {"kind"} if told["kind"].get("default") == kind else set()
        shapes.append(schema | {"properties": kinds, "required": sorted(needs & kinds.keys())})
    return {"anyOf": shapes}


def ref(title: str) -> dict[str, Any]:
    return {"$ref": REF.format(model=title)}


def content(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def exact(node: Any) -> Any:
    """With the schema of schemas where a model says that any object will do."""
    if isinstance(node, list):
        return [exact(one) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("additionalProperties") is True:
        return ref("JsonSchema")
    return {key: exact(value) for key, value in node.items()}
