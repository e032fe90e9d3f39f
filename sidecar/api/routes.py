"""The table of every HTTP call, and the API's own description made from it."""

import re
from typing import Any

from pydantic.json_schema import models_json_schema

from sidecar.api import health, turns
from sidecar.api.documents import Doors, get_models
from sidecar.api.door import Nothing, Route
from sidecar.core.documents import Agent, Contract
from sidecar.core.replay import Verdict
from sidecar.core.view import RunView

AGENTS, TOOLS = Doors(Agent), Doors(Contract)
RUN, AGENT, TOOL = "/v1/runs/{run}", "/v1/agents/{name}", "/v1/tools/{name}"
ROUTES = [
    Route("POST", "/v1/turns", turns.post_turn, gives=RunView, takes=turns.TurnRequest),
    Route("GET", "/v1/runs", turns.get_runs, gives=turns.RunList, query=turns.Selection),
    Route("GET", RUN, turns.get_run, gives=RunView, query=turns.Patience),
    Route("GET", RUN + "/events", turns.get_events, query=turns.Wanted),
    Route("POST", RUN + "/cancel", turns.post_cancel, gives=RunView),
    Route("POST", RUN + "/replay", turns.post_replay, gives=Verdict),
    Route("GET", "/v1/agents", AGENTS.list),
    Route("GET", AGENT, AGENTS.get, gives=Agent),
    Route("PUT", AGENT, AGENTS.put, gives=Agent, takes=Agent),
    Route("DELETE", AGENT, AGENTS.delete),
    Route("GET", "/v1/tools", TOOLS.list),
    Route("GET", TOOL, TOOLS.get, gives=Contract),
    Route("PUT", TOOL, TOOLS.put, gives=Contract, takes=Contract),
    Route("DELETE", TOOL, TOOLS.delete),
    Route("GET", "/v1/models", get_models),
    Route("GET", "/health", health.get_health, is_open=True),
    Route("GET", "/health/live", health.get_live, is_open=True),
    Route("GET", "/openapi.json", health.get_openapi, is_open=True),
]


def described() -> dict[str, Any]:
    """OpenAPI 3.1."""
    models = {model for route in ROUTES for model in (route.gives, route.takes) if model}
    ordered = sorted(models, key=lambda model: model.__name__)
    refs, definitions = models_json_schema(
        [(model, "serialization") for model in ordered],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, refs)
    keys = {"key": {"type": "http", "scheme": "bearer"}}
    components = {"schemas": definitions["$defs"], "securitySchemes": keys}
    info = {"title": "agentrt", "version": health.VERSION}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def operation(route: Route, refs: Any) -> dict[str, Any]:
    def content(model: Any) -> dict[str, Any]:
        schema = refs[model, "serialization"] if model else {}
        return {"content": {"application/json": {"schema": schema}}}

    asked = route.query.model_json_schema().get("properties", {})
    inside = [{"name": n, "in": "query", "schema": schema} for n, schema in asked.items()]
    for name in re.findall(r"{(\w+)}", route.path):
        inside.append({"name": name, "in": "path", "required": True, "schema": {"type": "string"}})
    responses = {"200": {"description": "done"} | content(route.gives)}
    told = {"parameters": inside, "responses": responses}
    told |= {"requestBody": content(route.takes)} if route.takes is not Nothing else {}
    return told | {"security": [] if route.is_open else [{"key": []}]}
