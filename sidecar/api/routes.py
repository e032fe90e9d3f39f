"""The table of every HTTP call, with the doors that tell of the house itself."""

from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from typing import Any, get_args

from sidecar.api import runs, turns
from sidecar.api.documents import Doors
from sidecar.api.door import Ask, Route
from sidecar.core import documents as d
from sidecar.core import requests as r
from sidecar.errors import StoreDown
from sidecar.stores.doorbell import AWAY

VERSION = version("agentrt")


async def get_live(_: Ask) -> tuple[int, Any]:
    return 200, {"status": "up"}


async def get_health(ask: Ask) -> tuple[int, Any]:
    """Up while Postgres is: Redis may be lost. Who shows no key learns up or down, no more."""
    loop, stores = ask.app.loop, {"postgres": "down", "redis": "down"}
    told: dict[str, Any] = {"version": VERSION, "stores": stores, "runs": len(loop.driven)}
    with suppress(StoreDown):
        ((known,),) = await loop.db("queue")
        told |= known
        stores["postgres"] = "up"
    with suppress(*AWAY):
        await loop.doorbell.redis.set("agentrt:health", 1)  # a full one pings
        stores["redis"] = "up"
    up, absent = stores["postgres"], {"configured": False, "simulated": False}
    there = {k: {"configured": True, "simulated": v.simulated} for k, v in loop.providers.items()}
    told["providers"] = dict.fromkeys(get_args(d.ProviderName), absent) | there
    return 200 if up == "up" else 503, {"status": up} | (told if ask.customer else {})


async def get_openapi(_: Ask) -> tuple[int, Any]:
    return 200, import_module("sidecar.extras.openapi").described(ROUTES, VERSION)


RUN = "/v1/runs/{run}"


def crud(model: type[d.Document], path: str, look: d.Scope, change: d.Scope) -> list[Route]:
    """The list, where there are names, and the calls on one document."""
    doors = Doors(model)
    return [
        *([Route("GET", path.partition("/{")[0], doors.list, look)] if "{" in path else []),
        Route("GET", path, doors.get, look, r.Which),
        Route("PUT", path, doors.put, change, model),
        Route("DELETE", path, doors.delete, change, r.Which),
    ]


ROUTES = [
    Route("POST", "/v1/turns", turns.post_turn, "run", r.TurnRequest),
    Route("POST", "/v1/generate", turns.post_generate, "run", r.GenerateRequest),
    Route("GET", "/v1/runs", runs.get_runs, "read", r.Selection),
    Route("GET", RUN, runs.get_run, "read", r.Look),
    Route("GET", RUN + "/events", runs.get_events, "read", r.Look),
    Route("POST", RUN + "/tool-results", runs.post_results, "run", r.Results),
    Route("POST", RUN + "/cancel", runs.post_cancel, "run", r.Told),
    Route("POST", RUN + "/replay", runs.post_replay, "read"),
    *crud(d.Agent, "/v1/agents/{name}", "read", "admin"),
    *crud(d.Contract, "/v1/tools/{name}", "read", "admin"),
    *crud(d.ModelRow, "/v1/models/{provider}/{model:.+}", "read", "admin"),
    *crud(d.Policy, "/v1/policy", "read", "admin"),
    *crud(d.Hook, "/v1/hooks/{name}", "run", "run"),
    *crud(d.Key, "/v1/keys/{name}", "admin", "admin"),
    Route("GET", "/health", get_health, None),
    Route("GET", "/health/live", get_live, None),
    Route("GET", "/openapi.json", get_openapi, None),
]
