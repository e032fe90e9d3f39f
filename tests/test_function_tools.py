"""Tools of kind function: Python from the modules in AGENTRT_TOOLS, run by the workers."""

from typing import Any

import pytest

from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation
from tests.house.log import assert_complete
from tests.house.until import until

MODULE = "tests.house.functions"


async def listed(api: Api) -> list[dict[str, Any]]:
    return (await api("GET", "/v1/tools")).body["tools"]


async def turned(api: Api, tool: str) -> dict[str, Any]:
    await api.agent(tool, tools=[tool])
    run = await api.turn(tool, "Company: Acme")
    await assert_complete(api, run["run"])
    return run["tool_calls"][0]


async def test_a_function_is_a_contract_of_its_signature(api: Api) -> None:
    await until(lambda: listed(api))
    (contract,) = [one for one in await listed(api) if one["name"] == "staff"]
    assert (contract["kind"], contract["description"]) == (
        "function",
        "How many people a company has.",
    )
    assert contract["input_schema"]["properties"]["company"]["description"] == "as it is registered"
    assert contract["output_schema"]["required"] == ["company", "staff"]
    assert contract["config"] == {"module": MODULE, "function": "staff"}
    assert contract["version"] == 1


# A function, and what becomes of its call.
CALLS = [
    ("staff", "done", None),  # async
    ("staff_plain", "done", None),  # plain, told of its call
    ("staff_unknown", "failed", "no_such_company"),  # its own error
    ("staff_broken", "failed", "tool_failed"),  # an exception of any kind
]


@pytest.mark.parametrize("tool, status, code", CALLS)
async def test_a_function_is_called_with_pydantic_in_and_out(
    api: Api, tool: str, status: str, code: str | None
) -> None:
    call = await turned(api, tool)
    assert call["status"] == status, call
    assert (call["error"] or {}).get("code") == code
    if status == "done":
        assert call["result"]["company"] == "Acme"
    if tool == "staff_plain":
        assert call["result"]["key"].startswith("default ")


async def test_a_function_with_an_effect_that_takes_too_long_is_in_doubt(api: Api) -> None:
    await api.agent("endless", tools=["staff_endless"])
    run = await api.turn("endless", "Company: Acme")
    assert (run["status"], run["waiting"]["for"]) == ("waiting", "decision")


async def test_a_worker_without_the_module_leaves_the_call_to_one_that_has_it(
    spare: Installation,
) -> None:
    spare.worker()
    async with opened(spare.sidecar(), KEY) as api:
        await until(lambda: listed(api))
        spare.started[0].stop()
        spare.worker(AGENTRT_TOOLS="")
        await api.agent("elsewhere", tools=["staff"])
        run = await api.turn("elsewhere", "Company: Acme", wait_s=0)
        tried = "SELECT attempt FROM tool_call WHERE state = 'pending' AND attempt > 0"
        await until(lambda: rows(spare, tried))
        spare.worker()
        assert (await api.rested(run["run"], 60))["tool_calls"][0]["result"]["staff"] == 4


async def rows(house: Installation, sentence: str) -> list[Any]:
    return house.sql(sentence)


# Modules that cannot be, and a word of what is said about them.
MODULES = [
    ("tests.house.nowhere", "nowhere"),  # not there
    ("tests..house", "tests..house"),  # no name
]


@pytest.mark.parametrize("module, word", MODULES)
async def test_a_bad_module_keeps_the_worker_from_starting(
    spare: Installation, module: str, word: str
) -> None:
    worker = spare.worker(AGENTRT_TOOLS=module)
    assert worker.child.wait(timeout=30) == 1
    assert "AGENTRT_TOOLS" in worker.said() and word in worker.said()
