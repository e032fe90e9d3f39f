"""A small JSON client that keeps cookies and ignores proxies: everything it calls is local."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any

from progress import Failed


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


class Rest:
    def __init__(self, base: str, **headers: str) -> None:
        self.base = base.rstrip("/")
        self.headers = {"content-type": "application/json", **headers}
        no_proxy = urllib.request.ProxyHandler({})
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(no_proxy, cookies)

    def ask(self, method: str, path: str, body: object = None, *, timeout_s: float = 60) -> Answer:
        """`path` may be a whole URL."""
        url = path if "://" in path else self.base + path
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, self.headers, method=method)
        try:
            with self._opener.open(request, timeout=timeout_s) as response:
                return Answer(response.status, _parsed(response.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _parsed(error.read()))

    def get(self, path: str) -> Any:
        return self.must("GET", path)

    def must(self, method: str, path: str, body: object = None) -> Any:
        answer = self.ask(method, path, body)
        if answer.status >= 300:
            raise Failed(f"{method} {self.base}{path} answered {answer.status}: {answer.body}")
        return answer.body

    def answers(self, path: str) -> bool:
        """Whether it is there and content. A server that starts closes connections, too."""
        try:
            return self.ask("GET", path).status == 200
        except (OSError, http.client.HTTPException):
            return False


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
