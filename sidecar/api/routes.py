"""The table of every HTTP call, with the doors that tell of the house itself."""

from importlib import import_module
from importlib.metadata import version
from typing import Any

from sidecar.api import turns
from sidecar.api.documents import Doors, get_models
from sidecar.api.door import Ask, Route
from sidecar.core.documents import Agent, Contract
from sidecar.core.replay import Verdict
from sidecar.core.view import RunView
from sidecar.errors import StoreDown
from sidecar.loop import ENCODERS
from sidecar.stores.doorbell import AWAY

VERSION = version("agentrt")


async def get_live(_: Ask) -> tuple[int, Any]:
    return 200, {"status": "up"}


async def get_health(ask: Ask) -> tuple[int, Any]:
    """Up while Postgres is: Redis may be lost. Who shows no key learns up or down, no more."""
    loop, wires, stores = ask.app.loop, ask.app.loop.wires, {"postgres": "up", "redis": "up"}
    told: dict[str, Any] = {}
    try:
        ((pending, oldest_s, told["workers"], told["migrations"]),) = await loop.db("queue")
        told["queue"] = {"pending": pending, "oldest_s": oldest_s}
    except StoreDown:
        stores["postgres"] = "down"
    try:
        await loop.doorbell.redis.ping()
    except AWAY:
        stores["redis"] = "down"
    up, absent = stores["postgres"], {"configured": False, "simulated": False}
    there = {k: {"configured": True, "simulated": wire.simulated} for k, wire in wires.items()}
    told |= {"version": VERSION, "stores": stores, "runs": len(loop.driven)}
    told |= {"providers": dict.fromkeys(ENCODERS, absent) | there}
    return 200 if up == "up" else 503, {"status": up} | (told if ask.customer else {})


async def get_openapi(_: Ask) -> tuple[int, Any]:
    described = import_module("sidecar.extras.openapi").described
    return 200, described(ROUTES, VERSION)


AGENTS, TOOLS = Doors(Agent), Doors(Contract)
RUN, AGENT, TOOL = "/v1/runs/{run}", "/v1/agents/{name}", "/v1/tools/{name}"
ROUTES = [
    Route("POST", "/v1/turns", turns.post_turn, gives=RunView, takes=turns.TurnRequest),
    Route("GET", "/v1/runs", turns.get_runs, gives=turns.RunList, query=turns.Selection),
    Route("GET", RUN, turns.get_run, gives=RunView, query=turns.Look),
    Route("GET", RUN + "/events", turns.get_events, query=turns.Look),
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
    Route("GET", "/health", get_health, is_open=True),
    Route("GET", "/health/live", get_live, is_open=True),
    Route("GET", "/openapi.json", get_openapi, is_open=True),
]
