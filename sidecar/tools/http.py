"""Tools of kind http: one request, guarded, signed, capped; its answer is the result."""

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from sidecar.core.documents import Contract
from sidecar.core.schema import parse
from sidecar.errors import ToolFault

RESULT_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Call:
    """One claimed tool call; `arguments` are parsed and fit the contract."""

    run: str
    call: str
    customer: str
    contract: Contract
    arguments: dict[str, Any]
    idempotency_key: str


def signing_secret(root: str, tool: str) -> str:
    """Derived, so that it rests nowhere: who holds AGENTRT_SECRET and the name can sign."""
    return hmac.new(root.encode(), f"tool:{tool}".encode(), hashlib.sha256).hexdigest()


def signature(secret: str, body: bytes, at_s: int) -> str:
    mac = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256)
    return f"t={at_s},v1={mac.hexdigest()}"


class HttpTool:
    def __init__(self, session: aiohttp.ClientSession, secret: str) -> None:
        self.session, self.secret = session, secret

    async def __call__(self, call: Call) -> Any:
        """The parsed result, not yet validated. ToolFault names what went wrong."""
        contract, config = call.contract, call.contract.config
        url, headers, body = self.request(call)
        query = {k: str(v) for k, v in call.arguments.items()} if config.method == "GET" else None
        try:
            async with self.session.request(
                config.method,
                url,
                params=query,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=contract.timeout_s),
            ) as answer:
                return result(answer.status, await capped(answer.content))
        except aiohttp.ClientConnectorError as error:
            raise ToolFault("tool_unreachable", f"{url}: {error.os_error}", again=True) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            detail = f"{url}: {error or f'no answer within {contract.timeout_s} s'}"
            raise ToolFault("tool_timeout", detail, again=True, in_doubt=True) from error

    def request(self, call: Call) -> tuple[str, dict[str, str], bytes | None]:
        config = call.contract.config
        headers = {"Idempotency-Key": call.idempotency_key, "Accept-Encoding": "identity"}
        url = config.url
        for name, value in call.arguments.items():
            url = url.replace(f"{{{name}}}", quote(str(value), safe=""))
        if config.method == "GET":
            return url, headers, None
        headers["Content-Type"] = "application/json"
        if not config.envelope:
            return url, headers, orjson.dumps(call.arguments)
        told = {"run": call.run, "call": call.call, "tool": call.contract.name}
        body = orjson.dumps({**told, "arguments": call.arguments, "customer": call.customer})
        secret = signing_secret(self.secret, call.contract.name)
        headers["AgentRT-Signature"] = signature(secret, body, int(time.time()))
        return url, headers, body


async def capped(stream: aiohttp.StreamReader) -> bytes:
    try:
        return await stream.readexactly(RESULT_BYTES + 1)
    except asyncio.IncompleteReadError as end:
        return end.partial


def result(status: int, raw: bytes) -> Any:
    if len(raw) > RESULT_BYTES:
        raise ToolFault("result_invalid", f"the answer is larger than {RESULT_BYTES} bytes")
    if status >= 400:
        again = status in (429, 502, 503, 504)
        text = raw[:500].decode(errors="replace")
        raise ToolFault("tool_failed", f"HTTP {status}: {text}", again=again)
    try:
        found = parse(raw)
    except ValueError as error:
        raise ToolFault("result_invalid", f"the answer is not JSON: {error}") from error
    if isinstance(found, dict) and found.keys() == {"error"} and isinstance(found["error"], dict):
        error = found["error"]
        raise ToolFault(str(error.get("code", "tool_failed")), str(error.get("message", "")))
    return found
