"""The only sender: our bytes out, the provider's bytes back, every failure a ModelFault.

A provider is a row of SDKS and a file of its name beside this one. Its SDK carries
authentication, base URL, headers and error classes; its public low-level `post(content=...)`
leaves the body alone. Its own retries are off: every retry is an event. SDK and file are loaded
when there is a key for them, the file also for a replay.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from importlib import import_module
from typing import Any

import httpx2
import orjson

from sidecar.core.messages import Opaque, Reply, ToolCall
from sidecar.core.turn import Encoder, Provider
from sidecar.errors import ModelFault

JSON = {"content-type": "application/json"}
# Sources: the pages on errors of OpenAI's and Anthropic's API references and the error types of
# openai 3.54 and anthropic 2.12, read on 2026-11-23.
OF_STATUS = {401: "auth", 402: "quota", 403: "auth", 404: "unknown_model", 408: "server"}
OF_STATUS |= {429: "rate_limited", 503: "overloaded", 529: "overloaded"}
WORDS = {
    "context": "context_length_exceeded|prompt is too long",
    "policy": "bio_policy|misalignment_policy_violation|invalid_prompt",
    "quota": "insufficient_quota|credit_balance|credit balance|hard_limit|spend_limit|usage_limit",
    "rate_limited": "rate_limit_exceeded",
}


SDKS = {
    "openai": ("openai.AsyncOpenAI", "/responses"),
    "anthropic": ("anthropic.AsyncAnthropic", "/v1/messages"),
}


@cache
def speaks(provider: str) -> tuple[Encoder, Callable[[Any], tuple[Any, ...]], Any]:
    """Its encoder; outcome, text, calls and own blocks of a response; usage of what it counted."""
    return import_module(f"sidecar.extras.providers.{provider}").SPEAKS


def encoders(names: Iterable[str] = SDKS) -> dict[str, Encoder]:
    return {name: speaks(name)[0] for name in names}


def opened(settings: Mapping[str, Any]) -> dict[str, Provider]:
    """Those that have a key."""
    logging.getLogger("httpx2").setLevel("WARNING")  # the run log has every call
    there = [name for name in SDKS if settings[f"{name}_key"]]
    return {k: provider(k, settings[f"{k}_key"], settings[f"{k}_url"]) for k in there}


def provider(name: str, key: str, base_url: str) -> Provider:
    """`simulated`: the key is the word "simulated"."""
    client_name, path = SDKS[name]
    sdk, _, maker = client_name.partition(".")
    errors: Any = import_module(sdk)
    client = getattr(errors, maker)(api_key=key, base_url=base_url, max_retries=0)
    return Provider(
        encoder=speaks(name)[0],
        decode=partial(decode, name),
        send=partial(send, errors, client, path),
        close=client.close,
        simulated=key == "simulated",
    )


async def send(errors: Any, client: Any, path: str, body: bytes, timeout_s: float) -> bytes:
    """The raw answer to a request; ModelFault for everything that is no 2xx."""
    try:
        async with asyncio.timeout(timeout_s):
            told: Any = {"content": body, "options": {"headers": JSON}}
            return (await client.post(path, cast_to=httpx2.Response, **told)).content
    except errors.APIStatusError as error:
        found = fault(error.status_code, error.response.content)
        found.after_ms = retry_after_ms(error.response.headers)
        raise found from error
    except (TimeoutError, errors.APITimeoutError) as error:
        raise ModelFault("timeout", f"no answer within {timeout_s:.0f} s") from error
    except (errors.APIConnectionError, httpx2.HTTPError) as error:
        raise ModelFault("transport", f"{error}: {error.__cause__}") from error


def retry_after_ms(headers: Mapping[str, str]) -> int:
    """0 where the provider names no wait, or names it as a date."""
    seconds = headers.get("retry-after", "")
    return int(seconds) * 1_000 if seconds.isdecimal() else 0


def fault(status: int, raw: bytes) -> ModelFault:
    """The class of an error answer by its words or else its status; 200 for one that failed."""
    try:
        text = orjson.dumps(orjson.loads(raw)["error"]).decode()
    except (ValueError, LookupError, TypeError):
        text = "no error document"
    kind = OF_STATUS.get(status) or ("rejected" if 400 <= status < 500 else "server")
    told = (k for k, words in WORDS.items() if any(w in text.lower() for w in words.split("|")))
    return ModelFault(next(told, kind), f"HTTP {status}: {text}", raw=raw)


def decode(provider: str, raw: bytes) -> Reply:
    """ModelFault `garbled` for what does not read as documented, or the class of a failure."""
    try:
        said, (_, read, usage) = orjson.loads(raw), speaks(provider)
        if said.get("error"):
            raise fault(200, raw)
        outcome, text, calls, items = read(said)
        known: dict[str, Any] = {"text": text, "model": said["model"], "id": said["id"]}
        known["outcome"] = "tool_calls" if calls and outcome == "ok" else outcome
        known["calls"] = [ToolCall(id=i, tool=tool, arguments=given) for i, tool, given in calls]
        known["usage"] = usage(said["usage"]) if said.get("usage") else None
        blocks = orjson.dumps(items).decode()
        return Reply(opaque=Opaque(provider=provider, model=said["model"], items=blocks), **known)
    except (ValueError, LookupError, TypeError, AttributeError) as wrong:
        detail = f"{len(raw)} bytes are no response: {type(wrong).__name__} {wrong}"[:300]
        raise ModelFault("garbled", detail, raw=raw) from wrong
