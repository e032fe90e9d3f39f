"""The table of every HTTP call."""

from sidecar.api import health, turns
from sidecar.api.documents import Doors, get_models
from sidecar.api.door import Route
from sidecar.core.documents import Agent, Contract
from sidecar.core.replay import Verdict
from sidecar.core.view import RunView

AGENTS, TOOLS = Doors(Agent), Doors(Contract)
RUN = "/v1/runs/{run}"

ROUTES = [
    Route("POST", "/v1/turns", turns.post_turn, gives=RunView, takes=turns.TurnRequest),
    Route("GET", "/v1/runs", turns.get_runs, gives=turns.RunList, query=turns.Selection),
    Route("GET", RUN, turns.get_run, gives=RunView, query=turns.Wait),
    Route("GET", RUN + "/events", turns.get_events, query=turns.Which),
    Route("POST", RUN + "/cancel", turns.post_cancel, gives=RunView, takes=turns.Empty),
    Route("POST", RUN + "/replay", turns.post_replay, gives=Verdict, takes=turns.Empty),
    Route("GET", "/v1/agents", AGENTS.list),
    Route("GET", "/v1/agents/{name}", AGENTS.get),
    Route("PUT", "/v1/agents/{name}", AGENTS.put, takes=Agent),
    Route("DELETE", "/v1/agents/{name}", AGENTS.delete),
    Route("GET", "/v1/tools", TOOLS.list),
    Route("GET", "/v1/tools/{name}", TOOLS.get),
    Route("PUT", "/v1/tools/{name}", TOOLS.put, takes=Contract),
    Route("DELETE", "/v1/tools/{name}", TOOLS.delete),
    Route("GET", "/v1/models", get_models),
    Route("GET", "/health", health.get_health, is_open=True),
    Route("GET", "/health/live", health.get_live, is_open=True),
    Route("GET", "/openapi.json", health.get_openapi, is_open=True),
]
