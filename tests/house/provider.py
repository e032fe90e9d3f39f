"""The provider simulator, as a test arranges and questions it."""

from typing import Any

import aiohttp


class Provider:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url

    async def faults(self, *faults: dict[str, Any] | str) -> None:
        """The next requests fail so, in this order; a word is a kind without options."""
        given = [{"kind": fault} if isinstance(fault, str) else fault for fault in faults]
        async with self.session.post(f"{self.url}/_sim/faults", json=given) as answer:
            assert answer.status == 200, await answer.text()

    async def asked(self, provider: str = "") -> list[dict[str, Any]]:
        """The bodies of the requests so far, of one provider or of all."""
        told = await self.received()
        return [one["body"] for one in told if provider in ("", one["provider"])]

    async def received(self) -> list[dict[str, Any]]:
        """The requests so far: provider, headers, body, and raw, the text as it came."""
        async with self.session.get(f"{self.url}/_sim/requests") as answer:
            return (await answer.json())["requests"]

    async def unused(self) -> list[dict[str, Any]]:
        """Faults that no request has met."""
        async with self.session.get(f"{self.url}/_sim/requests") as answer:
            return (await answer.json())["faults"]

    async def reset(self) -> None:
        async with self.session.delete(f"{self.url}/_sim") as answer:
            assert answer.status == 204


def tool_outputs(request: dict[str, Any]) -> list[str]:
    """What the model is shown of its tool calls."""
    items = [item for item in request["input"] if item.get("type") == "function_call_output"]
    return [item["output"] for item in items]
