"""The API describes itself, wholly and validly."""

import re

import schemathesis

from sidecar.api.door import Route
from sidecar.api.routes import ROUTES
from tests.house.api import Api


def described(route: Route) -> tuple[str, str]:
    return route.method.lower(), re.sub(r":[^}]*", "", route.path)


async def test_the_description_is_valid_openapi_and_lists_every_call(api: Api) -> None:
    description = (await api("GET", "/openapi.json")).body
    assert description["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(description).validate()
    listed = {(method, path) for path, item in description["paths"].items() for method in item}
    assert listed == set(map(described, ROUTES))
    for path, item in description["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


async def test_every_call_says_its_scope_its_name_and_what_goes_wrong(api: Api) -> None:
    paths = (await api("GET", "/openapi.json")).body["paths"]
    names: list[str] = []
    for route in ROUTES:
        method, path = described(route)
        operation = paths[path][method]
        names.append(operation["operationId"])
        assert operation["security"] == ([{"key": [route.scope]}] if route.scope else []), path
        assert {"400", "401", "422", "500", "503"} <= operation["responses"].keys(), path
        assert ("403" in operation["responses"]) == bool(route.scope), path
        for status, response in operation["responses"].items():
            problem = "application/problem+json" in response.get("content", {})
            assert problem == (status[0] in "45" and (path, status) != ("/health", "503"))
    assert len(set(names)) == len(ROUTES)


async def test_a_body_asks_for_nothing_that_the_path_says(api: Api) -> None:
    description = (await api("GET", "/openapi.json")).body
    for path, item in description["paths"].items():
        if "put" in item:
            body = item["put"]["requestBody"]["content"]["application/json"]["schema"]
            title = body["$ref"].rpartition("/")[2]
            schema = description["components"]["schemas"][title]
            for shape in schema.get("anyOf", [schema]):
                assert not {"name", *re.findall(r"{(\w+)}", path)} & shape["properties"].keys()


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
