"""One key, one run; one conversation, one running turn."""

import asyncio

from tests.house.api import Api
from tests.house.log import assert_complete
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer
from tests.house.until import until

TURN = {"agent": "once", "message": "hello"}


async def test_one_key_with_one_body_is_one_run(api: Api, provider: Provider) -> None:
    await api.agent("once")
    first = await api("POST", "/v1/turns", TURN, Idempotency_Key="same")
    again = await api("POST", "/v1/turns", TURN, Idempotency_Key="same")
    assert (first.status, again.status) == (200, 200)
    assert first.body == again.body
    assert len(await provider.asked()) == 1


async def test_fifty_posts_at_once_with_one_key_are_one_run(api: Api, provider: Provider) -> None:
    await api.agent("once")
    post = api("POST", "/v1/turns", TURN, Idempotency_Key="fifty")
    posts = [post] + [api("POST", "/v1/turns", TURN, Idempotency_Key="fifty") for _ in range(49)]
    answers = await asyncio.gather(*posts)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["run"] for answer in answers}) == 1
    assert len(await provider.asked()) == 1
    await assert_complete(api, answers[0].body["run"])


async def test_one_key_with_another_body_is_refused(api: Api, provider: Provider) -> None:
    await api.agent("once")
    first = await api("POST", "/v1/turns", TURN, Idempotency_Key="twice")
    other = {**TURN, "message": "another"}
    second = await api("POST", "/v1/turns", other, Idempotency_Key="twice")
    assert (second.status, second.code) == (422, "idempotency_mismatch")
    assert first.body["run"] in second.body["detail"]
    assert len(await provider.asked()) == 1


async def test_a_key_belongs_to_its_customer(api: Api) -> None:
    await api.agent("once")
    runs = [
        (await api("POST", "/v1/turns", {**TURN, "customer": name}, Idempotency_Key="shared")).body
        for name in ("alpha", "beta")
    ]
    assert runs[0]["run"] != runs[1]["run"]


async def test_of_two_messages_to_one_conversation_at_once_one_is_told_that_it_is_busy(
    api: Api, tools: ToolServer
) -> None:
    await api.tool("busy", **tools.contract("busy"))
    gate = tools.holds("busy", {})
    await api.agent("popular", tools=["busy"])
    turn = {"agent": "popular", "message": "Company: Acme", "conversation": "busy", "wait_s": 0}
    answers = await asyncio.gather(*(api("POST", "/v1/turns", turn) for _ in range(2)))
    running, refused = sorted(answers, key=lambda answer: answer.status)
    assert (running.status, refused.status, refused.code) == (202, 409, "conversation_busy")
    assert running.body["run"] in refused.body["detail"]
    await until(lambda: tools.called("busy"))
    later = await api("POST", "/v1/turns", turn)
    assert (later.status, later.code) == (409, "conversation_busy")
    gate.set()
    assert (await api.rested(running.body["run"]))["status"] == "completed"
    await assert_complete(api, running.body["run"])
    assert (await api.turn("popular", "Company: Acme", conversation="busy"))["turn"] == 2


async def test_a_conversation_with_a_key_is_busy_for_another_key_only(
    api: Api, tools: ToolServer
) -> None:
    await api.tool("keyed", **tools.contract("keyed"))
    gate = tools.holds("keyed", {})
    await api.agent("patient", tools=["keyed"])
    turn = {"agent": "patient", "message": "Company: Acme", "conversation": "keyed", "wait_s": 0}
    first = await api("POST", "/v1/turns", turn, Idempotency_Key="first")
    again = await api("POST", "/v1/turns", turn, Idempotency_Key="first")
    other = await api("POST", "/v1/turns", turn, Idempotency_Key="second")
    assert first.body["run"] == again.body["run"]
    assert (again.status, again.body["status"]) == (202, "running")
    assert (other.status, other.code) == (409, "conversation_busy")
    gate.set()
    await api.rested(first.body["run"])
