"""What the engineer on call looks at first, and the API's own description."""

import re
from typing import Any

from pydantic.json_schema import models_json_schema

from sidecar.api.door import Ask, Route
from sidecar.errors import StoreDown
from sidecar.stores.doorbell import AWAY

VERSION = "0.1.0"
PROVIDERS = ("openai",)


async def get_live(_: Ask) -> tuple[int, Any]:
    return 200, {"status": "up"}


async def get_health(ask: Ask) -> tuple[int, Any]:
    """Who shows no key learns up or down and nothing else."""
    loop = ask.app.loop
    stores, found = {"postgres": "up", "redis": "up"}, (0, 0, 0)
    try:
        (found,) = await loop.db("queue")
    except StoreDown:
        stores["postgres"] = "down"
    try:
        await loop.doorbell.redis.ping()
    except AWAY:
        stores["redis"] = "down"
    status = stores["postgres"]
    if not ask.customer:
        return (200 if status == "up" else 503), {"status": status}
    pending, oldest_s, workers = found
    wires = {
        name: {"configured": name in loop.wires, "simulated": loop.wires[name].simulated}
        if name in loop.wires
        else {"configured": False, "simulated": False}
        for name in PROVIDERS
    }
    shown = {"status": status, "version": VERSION, "stores": stores, "workers": workers}
    shown |= {"queue": {"pending": pending, "oldest_s": oldest_s}, "providers": wires}
    return (200 if status == "up" else 503), shown | {"runs_driven": len(loop.driven)}


async def get_openapi(ask: Ask) -> tuple[int, Any]:
    return 200, ask.app.description


def described(routes: list[Route]) -> dict[str, Any]:
    """OpenAPI 3.1, made from the table of routes."""
    models = {model for route in routes for model in (route.gives, route.takes) if model}
    kinds, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda m: m.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, kinds)
    keys = {"key": {"type": "http", "scheme": "bearer"}}
    components = {"schemas": definitions.get("$defs", {}), "securitySchemes": keys}
    info = {"title": "agentrt", "version": VERSION}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def operation(route: Route, kinds: Any) -> dict[str, Any]:
    def content(model: Any) -> dict[str, Any]:
        schema = kinds[model, "validation"] if model else {}
        return {"content": {"application/json": {"schema": schema}}}

    properties = route.query.model_json_schema().get("properties", {})
    inside = [{"name": n, "in": "query", "schema": s} for n, s in properties.items()]
    for name in re.findall(r"{(\w+)}", route.path):
        inside.append({"name": name, "in": "path", "required": True, "schema": {"type": "string"}})
    found: dict[str, Any] = {
        "parameters": inside,
        "security": [] if route.is_open else [{"key": []}],
    }
    if route.takes:
        found["requestBody"] = content(route.takes)
    found["responses"] = {"200": {"description": "done", **content(route.gives)}}
    return found
