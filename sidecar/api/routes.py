"""The table of every HTTP call, with the doors that tell of the house itself."""

from importlib import import_module
from importlib.metadata import version
from typing import Any, get_args

from sidecar.api import runs, turns
from sidecar.api.documents import Doors, Which
from sidecar.api.door import Ask, Route
from sidecar.core.documents import (
    Agent,
    Contract,
    Document,
    Hook,
    Key,
    ModelRow,
    Policy,
    ProviderName,
    Scope,
)
from sidecar.core.view import RunView, Verdict
from sidecar.errors import StoreDown
from sidecar.stores.doorbell import AWAY

VERSION = version("agentrt")


async def get_live(_: Ask) -> tuple[int, Any]:
    return 200, {"status": "up"}


async def get_health(ask: Ask) -> tuple[int, Any]:
    """Up while Postgres is: Redis may be lost. Who shows no key learns up or down, no more."""
    loop, stores = ask.app.loop, {"postgres": "up", "redis": "up"}
    told: dict[str, Any] = {}
    try:
        ((pending, oldest_s, *known, due, buried),) = await loop.db("queue")
        told["workers"], told["migrations"] = known
        told["queue"] = {"pending": pending, "oldest_s": oldest_s}
        told["deliveries"] = {"pending": due, "buried": buried}
    except StoreDown:
        stores["postgres"] = "down"
    try:
        await loop.doorbell.redis.ping()
    except AWAY:
        stores["redis"] = "down"
    up, absent = stores["postgres"], {"configured": False, "simulated": False}
    there = {k: {"configured": True, "simulated": v.simulated} for k, v in loop.providers.items()}
    told |= {"version": VERSION, "stores": stores, "runs": len(loop.driven)}
    told |= {"providers": dict.fromkeys(get_args(ProviderName), absent) | there}
    return 200 if up == "up" else 503, {"status": up} | (told if ask.customer else {})


async def get_openapi(_: Ask) -> tuple[int, Any]:
    described = import_module("sidecar.extras.openapi").described
    return 200, described(ROUTES, VERSION)


RUN = "/v1/runs/{run}"


def crud(model: type[Document], path: str, look: Scope, change: Scope) -> list[Route]:
    """The list, where there are names, and the calls on one document."""
    doors, one = Doors(model), {"gives": model, "query": Which}
    return [
        *([Route("GET", path.partition("/{")[0], doors.list, look)] if "{" in path else []),
        Route("GET", path, doors.get, look, **one),
        Route("PUT", path, doors.put, change, gives=model, takes=model),
        Route("DELETE", path, doors.delete, change, query=Which),
    ]


ROUTES = [
    Route("POST", "/v1/turns", turns.post_turn, "run", RunView, turns.TurnRequest),
    Route("POST", "/v1/generate", turns.post_generate, "run", RunView, turns.GenerateRequest),
    Route("GET", "/v1/runs", runs.get_runs, "read", runs.RunList, query=runs.Selection),
    Route("GET", RUN, runs.get_run, "read", RunView, query=runs.Look),
    Route("GET", RUN + "/events", runs.get_events, "read", query=runs.Look),
    Route("POST", RUN + "/tool-results", runs.post_results, "run", RunView, runs.Results),
    Route("POST", RUN + "/cancel", runs.post_cancel, "run", RunView, runs.Told),
    Route("POST", RUN + "/replay", runs.post_replay, "read", Verdict),
    *crud(Agent, "/v1/agents/{name}", "read", "admin"),
    *crud(Contract, "/v1/tools/{name}", "read", "admin"),
    *crud(ModelRow, "/v1/models/{provider}/{model:.+}", "read", "admin"),
    *crud(Policy, "/v1/policy", "read", "admin"),
    *crud(Hook, "/v1/hooks/{name}", "run", "run"),
    *crud(Key, "/v1/keys/{name}", "admin", "admin"),
    Route("GET", "/health", get_health, None),
    Route("GET", "/health/live", get_live, None),
    Route("GET", "/openapi.json", get_openapi, None),
]
