"""The table of every HTTP call."""

from importlib import import_module
from typing import Any

from sidecar.api import health, turns
from sidecar.api.documents import Doors, get_models
from sidecar.api.door import Ask, Route
from sidecar.core.documents import Agent, Contract
from sidecar.core.replay import Verdict
from sidecar.core.view import RunView


async def get_openapi(_: Ask) -> tuple[int, Any]:
    described = import_module("sidecar.extras.openapi").described
    return 200, described(ROUTES, health.VERSION)


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
    Route("GET", "/openapi.json", get_openapi, is_open=True),
]
