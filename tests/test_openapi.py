"""The API describes itself, wholly and validly."""

import re

import schemathesis

from tests.house.api import Api

CALLS = {
    ("post", "/v1/turns"),
    ("get", "/v1/runs"),
    ("get", "/v1/runs/{run}"),
    ("get", "/v1/runs/{run}/events"),
    ("post", "/v1/runs/{run}/cancel"),
    ("post", "/v1/runs/{run}/replay"),
    ("get", "/v1/agents"),
    ("get", "/v1/agents/{name}"),
    ("put", "/v1/agents/{name}"),
    ("delete", "/v1/agents/{name}"),
    ("get", "/v1/tools"),
    ("get", "/v1/tools/{name}"),
    ("put", "/v1/tools/{name}"),
    ("delete", "/v1/tools/{name}"),
    ("get", "/v1/models"),
    ("get", "/health"),
    ("get", "/health/live"),
    ("get", "/openapi.json"),
}


async def test_the_description_is_valid_openapi_and_lists_every_call(api: Api) -> None:
    description = (await api("GET", "/openapi.json")).body
    assert description["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(description).validate()
    listed = {(method, path) for path, item in description["paths"].items() for method in item}
    assert listed >= CALLS
    for path, item in description["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


async def test_every_listed_call_is_answered(api: Api) -> None:
    """With a problem or a document, never with a 404 for the path or a 5xx."""
    description = (await api("GET", "/openapi.json")).body
    for path, item in description["paths"].items():
        for method in item:
            answer = await api(method.upper(), re.sub(r"{\w+}", "nobody", path))
            assert answer.status < 500 and answer.status != 405, (method, path, answer)


async def test_only_open_calls_need_no_key(api: Api) -> None:
    description = (await api("GET", "/openapi.json")).body
    for path, item in description["paths"].items():
        for method, operation in item.items():
            url = re.sub(r"{\w+}", "nobody", path)
            answer = await api(method.upper(), url, Authorization="")
            assert (answer.status == 401) == bool(operation["security"]), (method, path)
