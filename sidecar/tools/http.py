"""Tools of kind http: one request, guarded, signed, capped; its answer is the result."""

import asyncio
import hmac
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from aiohttp import ClientSession

from sidecar.core.documents import Contract, HttpConfig
from sidecar.errors import ToolFault

RESULT_BYTES = 1 << 20
DELIVERY_S = 20


@dataclass(frozen=True, slots=True)
class Call:
    """One claimed tool call; `arguments` are parsed and fit the contract."""

    run: str
    call: str
    customer: str
    contract: Contract
    arguments: dict[str, Any]
    idempotency_key: str


def signing_secret(root: str, whose: str) -> str:
    """Derived, so that it rests nowhere: it changes with AGENTRT_SECRET alone."""
    return hmac.digest(root.encode(), whose.encode(), "sha256").hex()


def signed(root: str, whose: str, body: bytes) -> dict[str, str]:
    at_s = int(time.time())
    secret, told = signing_secret(root, whose), f"{at_s}.".encode() + body
    signature = hmac.digest(secret.encode(), told, "sha256").hex()
    return {"AgentRT-Signature": f"t={at_s},v1={signature}"}


async def request(session: ClientSession, root: str, call: Call) -> Any:
    """The parsed result, not yet validated. ToolFault names what went wrong."""
    contract, config = call.contract, call.contract.config
    body, headers = orjson.dumps(call.arguments), {"Idempotency-Key": call.idempotency_key}
    assert isinstance(config, HttpConfig)
    if config.envelope:
        told = {"run": call.run, "call": call.call, "tool": contract.name}
        body = orjson.dumps(told | {"arguments": call.arguments, "customer": call.customer})
        headers |= signed(root, f"tool:{contract.name}", body)
    return result(*await post(session, config.url, body, headers, contract.timeout_s))


async def deliver(session: ClientSession, root: str, target: str, url: str, body: bytes) -> int:
    """The receiver's HTTP status; ToolFault when it has none."""
    return (await post(session, url, body, signed(root, target, body), DELIVERY_S))[0]


async def post(
    session: ClientSession, url: str, body: bytes, more: dict[str, str], timeout_s: float
) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"} | more
    options: Any = {"timeout": aiohttp.ClientTimeout(total=timeout_s), "allow_redirects": False}
    try:
        async with session.post(url, data=body, headers=headers, **options) as answer:
            return answer.status, await capped(answer.content)
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
        raise unsent(url, error.__cause__ or error) from error
    except TimeoutError as error:
        detail = f"{url} did not answer within {timeout_s} s"
        raise ToolFault("tool_timeout", detail, again=True, in_doubt=True) from error
    except aiohttp.ClientError as error:
        raise ToolFault("tool_failed", f"{url}: {error}", again=True, in_doubt=True) from error


def unsent(url: str, cause: BaseException) -> ToolFault:
    """Never in doubt."""
    refused = isinstance(cause, PermissionError)
    code = "address_refused" if refused else "tool_unreachable"
    return ToolFault(code, f"{url}: {cause}", again=isinstance(cause, OSError) and not refused)


async def capped(stream: aiohttp.StreamReader) -> bytes:
    try:
        await stream.readexactly(RESULT_BYTES + 1)
    except asyncio.IncompleteReadError as end:
        return end.partial
    raise ToolFault("result_invalid", f"the answer is larger than {RESULT_BYTES} bytes")


def result(status: int, raw: bytes) -> Any:
    if not 200 <= status < 300:
        text = raw[:500].decode(errors="replace")
        raise ToolFault("tool_failed", f"HTTP {status}: {text}", again=status in (429, 502, 503))
    try:
        found = orjson.loads(raw)
        orjson.dumps(found)  # refuses what is too deep
    except (ValueError, TypeError) as error:
        raise ToolFault("result_invalid", f"the answer is not JSON: {error}") from error
    match found:
        case {"error": dict(error), **rest} if not rest:
            raise ToolFault(str(error.get("code", "tool_failed")), str(error.get("message", "")))
    return found
