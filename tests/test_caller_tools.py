"""Tools that whoever asked runs: the turn rests, hands the calls out, goes on with the results."""

import asyncio
import time
from typing import Any

import pytest

from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation
from tests.house.log import assert_complete, kinds
from tests.house.processes import free_port
from tests.house.provider import Provider, tool_outputs
from tests.house.toolserver import COMPANY, ToolServer
from tests.house.until import until

FOUND = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
LOOKUP: dict[str, Any] = {"description": "Looks up", "kind": "caller", "input_schema": COMPANY}
LOOKUP |= {"output_schema": FOUND}


async def resting(api: Api, name: str, **more: Any) -> dict[str, Any]:
    """A turn that rests with one call of a tool of that name."""
    await api.tool(name, **LOOKUP)
    await api.agent(name, tools=[name])
    run = await api.turn(name, "Company: Acme", **more)
    assert (run["status"], run["waiting"]["for"]) == ("waiting", "tools"), run
    assert run["waiting"]["calls"] == [call["call"] for call in run["tool_calls"]]
    (call,) = run["tool_calls"]
    assert (call["status"], call["arguments"]) == ("pending", {"company": "Acme"})
    return run


async def told(api: Api, run: dict[str, Any], *results: Any, **more: Any) -> Any:
    body = {"results": list(results), **more}
    return await api("POST", f"/v1/runs/{run['run']}/tool-results", body)


async def test_a_turn_rests_with_its_calls_and_goes_on_with_their_results(
    api: Api, provider: Provider
) -> None:
    run = await resting(api, "lookup")
    (call,) = run["waiting"]["calls"]
    result = {"call": call, "result": {"size": 12}}
    done = await told(api, run, result)
    assert (done.status, done.body["status"]) == (200, "completed"), done
    assert done.body["tool_calls"][0]["result"] == {"size": 12}
    assert '"size":12' in tool_outputs((await provider.asked())[-1])[0]
    events = await assert_complete(api, run["run"])
    assert kinds(events)[2:6] == ["replied", "tools_asked", "tool_returned", "called"]
    assert events[4]["body"]["worker"] == "caller"
    again = await told(api, run, result)  # the same word twice has the same answer
    assert (again.status, again.body) == (200, done.body)


async def test_who_polls_hears_at_once_that_the_turn_rests(api: Api, provider: Provider) -> None:
    """Not only at the end of its own patience."""
    await api.tool("lookup", **LOOKUP)
    await api.agent("lookup", tools=["lookup"])
    await provider.faults({"kind": "delay", "ms": 500})
    run = await api.turn("lookup", "Company: Acme", wait_s=0)
    begun = time.monotonic()
    assert (await api.rested(run["run"], wait_s=20))["status"] == "waiting"
    assert time.monotonic() - begun < 10


async def test_another_result_for_the_same_call_is_a_conflict(api: Api) -> None:
    run = await resting(api, "lookup")
    (call,) = run["waiting"]["calls"]
    first = await told(api, run, {"call": call, "result": {"size": 1}})
    assert first.body["status"] == "completed"
    second = await told(api, run, {"call": call, "result": {"size": 2}})
    assert (second.status, second.code) == (409, "conflict")
    kept = (await api("GET", f"/v1/runs/{run['run']}")).body
    assert kept["tool_calls"][0]["result"] == {"size": 1}


async def test_an_error_is_what_the_model_sees(api: Api, provider: Provider) -> None:
    run = await resting(api, "lookup")
    (call,) = run["waiting"]["calls"]
    error = {"code": "no_such_company", "message": "never heard of it"}
    done = await told(api, run, {"call": call, "error": error})
    assert done.body["status"] == "completed"
    assert (done.body["tool_calls"][0]["status"], done.body["tool_calls"][0]["error"]) == (
        "failed",
        error,
    )
    assert "no_such_company" in tool_outputs((await provider.asked())[-1])[0]


# Results that are refused, and what names what is wrong. Nothing of such a request lands.
REFUSED = [
    ([{"call": "9.9", "result": {"size": 1}}], 422, "results"),  # nobody asked for it
    ([{"call": "", "result": {"size": 1}}], 422, "results"),  # nothing is named
    ([{"call": "CALL", "result": {"size": "big"}}], 422, "results"),  # against its contract
    ([{"call": "CALL"}], 422, "results"),  # no result at all
    ([], 422, "results"),  # no results
    ([{"call": "CALL", "error": {"code": "x"}}], 422, "results.0.error.message"),  # half an error
    ([{"call": "CALL", "result": {"size": 1}}, {"call": "9.9"}], 422, "results"),  # one of two
]


@pytest.mark.parametrize("results, status, field", REFUSED, ids=range(len(REFUSED)))
async def test_results_that_do_not_fit_are_refused_whole(
    api: Api, results: list[dict[str, Any]], status: int, field: str
) -> None:
    run = await resting(api, "lookup")
    (call,) = run["waiting"]["calls"]
    given = [one | {"call": one["call"].replace("CALL", call)} for one in results]
    answer = await told(api, run, *given)
    assert (answer.status, answer.code) == (status, "validation")
    assert answer.body["field"] == field
    assert (await api("GET", f"/v1/runs/{run['run']}")).body["status"] == "waiting"
    done = await told(api, run, {"call": call, "result": {"size": 1}})
    assert done.body["status"] == "completed"


async def test_a_call_that_a_worker_runs_takes_no_result_from_the_caller(
    api: Api, tools: ToolServer
) -> None:
    gate = tools.holds("mine", {"size": 1})
    await api.tool("mine", **tools.contract("mine"))
    await api.agent("mine", tools=["mine"])
    run = await api.turn("mine", "Company: Acme", wait_s=0)
    await until(lambda: tools.called("mine"))
    (call,) = (await api("GET", f"/v1/runs/{run['run']}")).body["tool_calls"]
    answer = await told(api, run, {"call": call["call"], "result": {"size": 2}})
    assert (answer.status, answer.code) == (422, "validation")
    gate.set()
    assert (await api.rested(run["run"]))["tool_calls"][0]["result"] == {"size": 1}


async def test_a_cancelled_turn_takes_no_results(api: Api) -> None:
    run = await resting(api, "lookup")
    (call,) = run["waiting"]["calls"]
    assert (await api("POST", f"/v1/runs/{run['run']}/cancel", {})).body["status"] == "cancelled"
    answer = await told(api, run, {"call": call, "result": {"size": 1}})
    assert (answer.status, answer.code) == (409, "conflict")


async def test_arguments_that_break_the_contract_never_reach_the_caller(
    api: Api, provider: Provider
) -> None:
    await api.tool("broken", **(LOOKUP | {"input_schema": COMPANY | {"maxProperties": 0}}))
    await api.agent("broken", tools=["broken"])
    run = await api.turn("broken", "Company: Acme")
    assert run["status"] == "completed", run
    assert run["tool_calls"][0]["error"]["code"] == "arguments_invalid"
    assert "maxProperties" in tool_outputs((await provider.asked())[-1])[0]
    await assert_complete(api, run["run"])


async def test_a_call_that_was_refused_takes_no_result_afterwards(api: Api) -> None:
    """It has its word in the log; another one would be told to the model beside it."""
    await api.tool("lookup", **LOOKUP)
    await api.tool("broken", **(LOOKUP | {"input_schema": COMPANY | {"maxProperties": 0}}))
    await api.agent("half", tools=["broken", "lookup"])
    run = await api.turn("half", "Company: Acme. Use broken and lookup.")
    refused, asked = run["tool_calls"]
    assert (refused["status"], run["waiting"]["calls"]) == ("failed", [asked["call"]]), run
    results = [{"call": call["call"], "result": {"size": 5}} for call in (refused, asked)]
    done = await told(api, run, *results)
    assert done.body["status"] == "completed", done
    assert done.body["tool_calls"][0] == refused
    assert kinds(await assert_complete(api, run["run"])).count("tool_returned") == 2


async def test_a_result_that_nobody_waits_for_does_not_disturb_the_turn(
    api: Api, provider: Provider
) -> None:
    """The call was refused for its arguments; the model is being asked when its result comes."""
    await provider.faults({"kind": "delay", "ms": 0}, {"kind": "delay", "ms": 3_000})
    await api.tool("broken", **(LOOKUP | {"input_schema": COMPANY | {"maxProperties": 0}}))
    await api.agent("broken", tools=["broken"])
    run = await api.turn("broken", "Company: Acme", wait_s=0)

    async def refused() -> Any:
        return (await api("GET", f"/v1/runs/{run['run']}")).body["tool_calls"]

    (call,) = await until(refused)
    assert call["error"]["code"] == "arguments_invalid"
    await told(api, run, {"call": call["call"], "result": {"size": 1}}, wait_s=0)
    done = await api.rested(run["run"])
    assert (done["status"], done["tool_calls"]) == ("completed", [call])
    assert "model_failed" not in kinds(await assert_complete(api, run["run"]))


async def test_who_waits_for_a_run_hears_that_it_rests_with_its_calls(
    api: Api, provider: Provider
) -> None:
    await provider.faults({"kind": "delay", "ms": 1_000})
    await api.tool("lookup", **LOOKUP)
    await api.agent("heard", tools=["lookup"])
    run = await api.turn("heard", "Company: Acme", wait_s=0)
    looked = await asyncio.wait_for(api("GET", f"/v1/runs/{run['run']}?wait_s=60"), 30)
    assert looked.body["waiting"]["for"] == "tools"
    assert (await api("POST", f"/v1/runs/{run['run']}/cancel", {})).body["status"] == "cancelled"


async def test_fifty_at_once_with_the_same_result_are_one(api: Api) -> None:
    run = await resting(api, "lookup")
    (call,) = run["waiting"]["calls"]
    result = {"call": call, "result": {"size": 3}}
    answers = await asyncio.gather(*(told(api, run, result, wait_s=25) for _ in range(50)))
    assert {(one.status, one.body["status"]) for one in answers} == {(200, "completed")}
    assert kinds(await assert_complete(api, run["run"])).count("tool_returned") == 1


async def test_a_resting_turn_is_called_back_twice_and_outlives_its_sidecar(
    spare: Installation, tools: ToolServer
) -> None:
    tools.gives("heard", {})
    url = f"http://127.0.0.1:{tools.port}/heard"
    process = spare.sidecar()
    spare.worker()
    async with opened(process, KEY) as api:
        run = await resting(api, "lookup", callback_url=url)
        process.kill()
    async with opened(spare.sidecar(), KEY) as api:
        (call,) = run["waiting"]["calls"]
        result = {"call": call, "result": {"size": 4}}
        done = await told(api, run, result, wait_s=25)
        assert done.body["status"] == "completed", done
        await assert_complete(api, run["run"])

        async def both() -> bool:
            return [one.body["status"] for one in tools.calls("heard")] == ["waiting", "completed"]

        await until(both)


async def test_a_turn_that_still_rests_is_not_told_again(
    api: Api, tools: ToolServer, house: Installation
) -> None:
    tools.gives("told_twice", {})
    for name in ("lookup", "score"):
        await api.tool(name, **LOOKUP)
    await api.agent("both", tools=["lookup", "score"])
    url = f"http://127.0.0.1:{tools.port}/told_twice"
    run = await api.turn("both", "Company: Acme. Use lookup and score.", callback_url=url)
    first, second = run["waiting"]["calls"]
    half = await told(api, run, {"call": first, "result": {"size": 7}})
    assert half.body["waiting"]["calls"] == [second], half
    done = await told(api, run, {"call": second, "result": {"size": 8}})
    assert done.body["status"] == "completed", done

    async def all_told() -> bool:
        states = house.sql("SELECT state FROM delivery WHERE run = %s", [run["run"]])
        return {state for (state,) in states} == {"done"}

    await until(all_told)
    heard = [one.body["status"] for one in tools.calls("told_twice")]
    assert sorted(heard) == ["completed", "waiting"]


async def test_a_result_is_heard_at_another_sidecar_while_redis_is_away(
    spare: Installation,
) -> None:
    """Postgres is asked once a second for what nobody could ring for."""
    nowhere = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    processes = spare.sidecar(**nowhere), spare.sidecar(**nowhere)
    async with opened(processes[0], KEY) as first, opened(processes[1], KEY) as second:
        run = await resting(first, "lookup")
        (call,) = run["waiting"]["calls"]
        done = await told(second, run, {"call": call, "result": {"size": 6}}, wait_s=10)
        assert (done.status, done.body["status"]) == (200, "completed"), done
        await assert_complete(second, run["run"])


async def test_a_turn_that_is_taken_up_while_it_rests_is_not_told_again_of_that_rest(
    spare: Installation, tools: ToolServer
) -> None:
    tools.gives("once-told", {})
    url = f"http://127.0.0.1:{tools.port}/once-told"
    process = spare.sidecar()
    spare.worker()
    async with opened(process, KEY) as api:
        for name in ("enrich", "score"):
            await api.tool(name, **LOOKUP)
        await api.agent("two", tools=["enrich", "score"])
        run = await api.turn("two", "Enrich and score Company: Acme", callback_url=url)
        first, second = run["waiting"]["calls"]
        process.kill()
    async with opened(spare.sidecar(), KEY) as api:
        left = await told(api, run, {"call": first, "result": {"size": 1}}, wait_s=25)
        assert left.body["waiting"]["calls"] == [second], left
        done = await told(api, run, {"call": second, "result": {"size": 2}}, wait_s=25)
        assert done.body["status"] == "completed", done

        async def last() -> bool:
            return bool(tools.calls("once-told")) and (
                tools.calls("once-told")[-1].body["status"] == "completed"
            )

        await until(last)
        assert [one.body["status"] for one in tools.calls("once-told")] == ["waiting", "completed"]


async def test_generate_hands_its_calls_to_whoever_asked(api: Api, house: Installation) -> None:
    offered = {"name": "lookup", "description": "Looks up", "input_schema": COMPANY}
    body = {"input": "Company: Acme", "tools": [offered]}
    answer = await api("POST", "/v1/generate", body)
    assert answer.status == 200, house.started[0].said()[-3000:]
    run = answer.body
    assert (run["status"], run["waiting"]["for"]) == ("waiting", "tools"), run
    (call,) = run["waiting"]["calls"]
    done = await told(api, run, {"call": call, "result": {"size": 4}})
    assert done.body["status"] == "completed", done
    await assert_complete(api, run["run"])
