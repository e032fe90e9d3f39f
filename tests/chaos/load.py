"""Turns over HTTP as fast as they are taken, the tools that they call, and who is called back.

Each turn is posted until it is accepted, under one Idempotency-Key, to whichever sidecar answers.
"""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.house.api import Answer, Api
from tests.house.installation import KEY
from tests.house.processes import Process
from tests.house.toolserver import ToolServer
from tests.house.until import until

TOOLS = {"look": "none", "keep": "idempotent", "store": "idempotent", "pay": "once", "send": "once"}
AT_ONCE = 32
INSIST_S = 120
AWAY = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass
class World:
    """What happened outside: the tools' effects and the callbacks that were taken."""

    server: ToolServer
    told: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.server.handlers |= dict.fromkeys(TOOLS, self.effect)
        self.server.handlers["callback"] = self.callback

    async def effect(self, _: web.Request) -> web.Response:
        """Mostly quick; now and then slow enough to be killed under."""
        await asyncio.sleep(random.choice([0.01, 0.02, 0.05, 0.05, 0.1, 0.1, 0.1, 1]))
        return web.json_response({"effects": len(self.server.received)})

    async def callback(self, request: web.Request) -> web.Response:
        """One in ten is not taken."""
        if random.random() < 0.1:
            return web.Response(status=500)
        run = await request.json()
        self.told[run["run"]].append(run["status"])
        return web.Response()

    def effects(self, side_effects: str) -> dict[tuple[str, str], list[str]]:
        """The Idempotency-Keys with which each call came, by (run, call)."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for one in self.server.received:
            if TOOLS.get(one.tool) == side_effects:
                body = one.body
                found[body["run"], body["call"]].append(one.headers["idempotency-key"])
        return found


class Load:
    """`runs` are the accepted turns: number and run. `strange` are answers that nobody expects."""

    def __init__(self, session: aiohttp.ClientSession, sidecars: list[Process], url: str) -> None:
        self.session, self.sidecars, self.callback_url = session, sidecars, url
        self.runs: dict[int, str] = {}
        self.begun = 0
        self.strange: list[Answer] = []
        self.refused: Counter[str] = Counter()

    async def ask(self, method: str, path: str, body: Any = None, **headers: Any) -> Answer | None:
        """A 2xx of any sidecar; None where there is none."""
        api = Api(self.session, random.choice(self.sidecars), KEY)
        try:
            answer = await api(method, path, body, **headers)
        except AWAY as error:
            self.refused[type(error).__name__] += 1
            return None
        if answer.status // 100 == 2:
            return answer
        self.refused[f"HTTP {answer.status}"] += 1
        if answer.status != 503:
            self.strange.append(answer)
        return None

    async def insist(self, method: str, path: str, body: Any = None, **headers: Any) -> Any:
        """The answer that comes in the end."""

        async def calmly() -> Answer | None:
            answer = await self.ask(method, path, body, **headers)
            await asyncio.sleep(0 if answer else 0.2)
            return answer

        answer = await until(calmly, INSIST_S)
        assert answer
        return answer.body

    async def configure(self, server: ToolServer) -> None:
        for name, effects in TOOLS.items():
            await self.insist(
                "PUT", f"/v1/tools/{name}", server.contract(name, side_effects=effects)
            )
        agent = {"instructions": "Answer.", "tools": [*TOOLS], "limits": {"timeout_s": 3_600}}
        await self.insist("PUT", "/v1/agents/chaos", agent)

    async def turn(self) -> None:
        self.begun += 1
        number = self.begun
        message = f"Company: C{number}\nTurn: {number}\nDo: {', '.join(TOOLS)}"
        body: dict[str, Any] = {"agent": "chaos", "message": message}
        body |= {"callback_url": self.callback_url, "wait_s": random.choice([0, 0, 10])}
        run = await self.insist("POST", "/v1/turns", body, Idempotency_Key=f"turn-{number}")
        self.runs[number] = run["run"]
        await self.ask("GET", f"/v1/runs/{run['run']}?wait_s=5")

    async def client(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.turn()

    async def clients(self, over: asyncio.Event) -> None:
        await asyncio.gather(*(self.client(over) for _ in range(AT_ONCE)))
