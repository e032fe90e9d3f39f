"""What the engineer on call looks at first."""

from importlib.metadata import version
from typing import Any

from sidecar.api.door import Ask
from sidecar.errors import StoreDown
from sidecar.loop import ENCODERS
from sidecar.stores.doorbell import AWAY

VERSION = version("agentrt")


async def get_live(_: Ask) -> tuple[int, Any]:
    return 200, {"status": "up"}


async def get_health(ask: Ask) -> tuple[int, Any]:
    """Up while Postgres is: Redis may be lost. Who shows no key learns up or down, no more."""
    loop, wires = ask.app.loop, ask.app.loop.wires
    stores, counted = {"postgres": "up", "redis": "up"}, (0, 0, 0)
    try:
        (counted,) = await loop.db("queue")
    except StoreDown:
        stores["postgres"] = "down"
    try:
        await loop.doorbell.redis.ping()
    except AWAY:
        stores["redis"] = "down"
    up = stores["postgres"]
    shown: dict[str, Any] = {"status": up}
    if ask.customer:
        absent = {"configured": False, "simulated": False}
        there = {k: {"configured": True, "simulated": wire.simulated} for k, wire in wires.items()}
        providers = dict.fromkeys(ENCODERS, absent) | there
        queue = {"pending": counted[0], "oldest_s": counted[1]}
        shown |= {"version": VERSION, "stores": stores, "workers": counted[2], "queue": queue}
        shown |= {"providers": providers, "runs": len(loop.driven)}
    return 200 if up == "up" else 503, shown
