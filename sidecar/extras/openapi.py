"""The API's own description, made from the table of routes when somebody asks for it."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

PROBLEM = {"schema": {"type": "object", "required": ["type", "code", "title", "status", "detail"]}}
REFUSED = {"description": "a problem", "content": {"application/problem+json": PROBLEM}}


def described(routes: Sequence[Any], version: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    asked = {(route.takes, "validation") for route in routes}
    given = {(route.gives, "serialization") for route in routes if route.gives}
    ordered: Any = sorted(asked | given, key=lambda pair: (pair[0].__name__, pair[1]))
    template = "#/components/schemas/{model}"
    refs, definitions = models_json_schema(ordered, ref_template=template)
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(re.sub(r":[^}]*", "", route.path), {})[route.method.lower()] = operation(
            route, refs
        )
    keys = {"key": {"type": "http", "scheme": "bearer"}}
    components = {"schemas": definitions["$defs"], "securitySchemes": keys}
    info = {"title": "agentrt", "version": version}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def operation(route: Any, refs: Any) -> dict[str, Any]:
    asked = route.query.model_json_schema().get("properties", {})
    inside = [{"name": name, "in": "query", "schema": schema} for name, schema in asked.items()]
    for name in re.findall(r"{(\w+)", route.path):
        inside.append({"name": name, "in": "path", "required": True, "schema": {"type": "string"}})
    told: dict[str, Any] = {
        "parameters": inside,
        "security": [{"key": []}] if route.scope else [],
    }
    if route.takes.model_fields:
        told["requestBody"] = {"required": True} | content(refs[route.takes, "validation"])
    done = content(refs[route.gives, "serialization"] if route.gives else {"type": "object"})
    answers = {"204": {"description": "done"}} if route.method == "DELETE" else {}
    answers |= {"200": {"description": "done"} | done} if not answers else {}
    return told | {"responses": answers | {"default": REFUSED}}


def content(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}
