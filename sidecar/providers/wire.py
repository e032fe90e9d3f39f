"""The only sender: our bytes out, the provider's bytes back, every failure a ModelFault.

The SDK carries authentication, base URL, headers and error classes; its public low-level
`post(content=...)` leaves the body alone. Its own retries are off: every retry is an event.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import openai

from sidecar.errors import ModelFault
from sidecar.providers import openai as responses

JSON = {"content-type": "application/json"}


class Wire:
    """One provider with its key. `simulated`: the key is the word "simulated"."""

    def __init__(self, key: str, base_url: str) -> None:
        self.simulated = key == "simulated"
        self.client = openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0)

    async def send(self, body: bytes, timeout_s: float) -> bytes:
        """The raw answer to a request; ModelFault for everything that is no 2xx."""
        try:
            async with asyncio.timeout(timeout_s):
                told: Any = {"content": body, "options": {"headers": JSON}}
                answer = await self.client.post(responses.PATH, cast_to=httpx2.Response, **told)
                return answer.content
        except openai.APIStatusError as error:
            fault = responses.fault(error.status_code, error.response.content)
            fault.after_ms = retry_after_ms(error.response.headers)
            raise fault from error
        except (TimeoutError, openai.APITimeoutError) as error:
            raise ModelFault("timeout", f"no answer within {timeout_s:.0f} s") from error
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            raise ModelFault("transport", f"{error}: {error.__cause__}") from error


def retry_after_ms(headers: Mapping[str, str]) -> int:
    """0 where the provider names no wait, or names it as a date."""
    seconds = headers.get("retry-after", "")
    return int(seconds) * 1_000 if seconds.isdecimal() else 0
