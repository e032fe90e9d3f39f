"""What a provider can do wrong, whichever it is: one code each, every attempt in the log."""

import hashlib
import time
from typing import Any

import pytest

from tests.house.api import Api
from tests.house.installation import Installation
from tests.house.log import assert_complete, kinds
from tests.house.provider import Provider

SCHEMA = {
    "type": "object",
    "properties": {"subject": {"type": "string"}},
    "required": ["subject"],
    "additionalProperties": False,
}
MODELS = ["openai/gpt-6-luna", "anthropic/claude-haiku-5-5"]
CAPS = {"openai": "max_output_tokens", "anthropic": "max_tokens"}
SAID = {"openai": "input", "anthropic": "messages"}
Fault = dict[str, Any] | str


def status(number: int, **more: Any) -> Fault:
    return {"kind": "status", "status": number, **more}


def text(said: str) -> Fault:
    return {"kind": "text", "text": said}


MIXED = ["garbled", "transport", "server"]
SLOW_DOWN = status(429, headers={"retry-after-ms": "300"}, code="rate_limit_exceeded")
BROKE = status(429, code="insufficient_quota", type="insufficient_quota")
LONG = status(400, code="context_length_exceeded", type="invalid_request_error")

# What the provider does, then how the run ends: its code, the failed attempts, all model calls,
# and how many of them were repairs.
FAULTS: list[tuple[list[Fault], str | None, list[str], int, int]] = [
    ([SLOW_DOWN], None, ["rate_limited"], 2, 0),  # once, then ok
    ([status(500)], None, ["server"], 2, 0),
    ([status(503)], None, ["overloaded"], 2, 0),
    ([status(529)], None, ["overloaded"], 2, 0),
    (["html"], None, ["garbled"], 2, 0),  # a proxy's page, with status 200
    (["broken_json"], None, ["garbled"], 2, 0),
    (["empty_object"], None, ["garbled"], 2, 0),
    (["cut_body"], None, ["transport"], 2, 0),
    (["close"], None, ["transport"], 2, 0),  # not one byte
    (["failed"], None, ["server"], 2, 0),  # a response that says that it failed
    (["odd_stop"], None, ["garbled"], 2, 0),  # it ended for a reason that nobody knows
    (["odd_block"], None, [], 1, 0),  # beside the answer is something that nobody knows
    ([status(500)] * 3, "providers_exhausted", ["server"] * 3, 3, 0),  # never better
    (["html", "close", status(500)], "providers_exhausted", MIXED, 3, 0),  # each time another
    ([status(401)], "providers_exhausted", ["auth"], 1, 0),  # no use in asking again
    ([status(403)], "providers_exhausted", ["auth"], 1, 0),
    ([status(404, code="model_not_found")], "providers_exhausted", ["unknown_model"], 1, 0),
    ([BROKE], "providers_exhausted", ["quota"], 1, 0),  # no money; waiting does not help
    ([status(402)], "providers_exhausted", ["quota"], 1, 0),
    ([status(400)], "provider_rejected", ["rejected"], 1, 0),  # the request itself
    ([status(422)], "provider_rejected", ["rejected"], 1, 0),
    ([status(400, code="invalid_prompt")], "refused", ["policy"], 1, 0),  # it is forbidden
    ([LONG], "context_exceeded", ["context"], 1, 0),
    (["refusal"], "refused", [], 1, 0),
    (["filtered"], "refused", [], 1, 0),
    (["truncated"], None, [], 2, 0),  # once more, with a larger cap
    (["truncated", "truncated"], "truncated", [], 2, 0),
    (["invalid_answer"] * 2, None, [], 3, 2),
    (["invalid_answer"] * 3, "output_invalid", [], 3, 2),  # exactly two repairs
    (["empty"], None, [], 2, 1),  # an empty answer is asked again
    (["empty"] * 3, "output_invalid", [], 3, 2),
    (["fenced"], None, [], 1, 0),  # undone without a call
    (["no_usage"], None, [], 1, 0),  # settled at the worst case
    ([text('{"result":{"subject":"wrapped"}}')], None, [], 1, 0),  # undone without a call
    ([text("[")], None, [], 2, 1),  # half a JSON
    ([text("[" * 5_000 + "]" * 5_000)], None, [], 2, 1),  # too deep to read
    ([text('{"subject":NaN}')], None, [], 2, 1),  # JSON of Python's making
    (["invalid_answer", status(500), "truncated"], None, ["server"], 4, 1),  # one after the other
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "faults, code, failed, calls, repairs", FAULTS, ids=lambda value: str(value)[:48]
)
async def test_a_provider_s_fault_ends_in_an_answer_or_in_one_code(
    api: Api,
    provider: Provider,
    model: str,
    faults: list[Fault],
    code: str | None,
    failed: list[str],
    calls: int,
    repairs: int,
) -> None:
    await api.agent("faulty", output_schema=SCHEMA, models=[model])
    await provider.faults(*faults)
    run = await api.turn("faulty", "Company: Acme")
    assert (run["error"] or {}).get("code") == code, run["error"]
    assert run["status"] == ("failed" if code else "completed")
    if code:
        assert run["output"] is None and run["error"]["remedy"] and run["error"]["message"]
    else:
        assert run["output"]["subject"]
    assert len(await provider.asked()) == calls
    events = await assert_complete(api, run["run"])
    assert [e["body"]["error"] for e in events if e["kind"] == "model_failed"] == failed
    assert kinds(events).count("called") == calls
    assert run["repairs"] == repairs


async def test_a_failed_attempt_is_kept_with_what_the_provider_said(
    api: Api, provider: Provider, house: Installation
) -> None:
    await api.agent("kept", models=[MODELS[0]])
    await provider.faults(status(500, message="the dog ate it"), "broken_json")
    run = await api.turn("kept", "hello")
    events = await api.events(run["run"])
    first, second = [event["body"] for event in events if event["kind"] == "model_failed"]
    assert "the dog ate it" in first["detail"] and first["parts"]["raw"]
    raw = house.sql("SELECT body FROM part WHERE name = %s", [second["parts"]["raw"]])
    assert len(raw) == 1


async def test_retry_after_is_waited_for(api: Api, provider: Provider) -> None:
    await api.agent("waiting", models=[MODELS[0]])
    await provider.faults(status(429, headers={"retry-after": "1"}))
    start = time.monotonic()
    run = await api.turn("waiting", "hello")
    assert run["status"] == "completed" and 1 <= time.monotonic() - start < 3
    (failed,) = [e["body"] for e in await api.events(run["run"]) if e["kind"] == "model_failed"]
    assert failed["retry_after_ms"] == 1_000


async def test_a_provider_that_asks_for_more_patience_than_the_turn_has_meets_the_deadline(
    api: Api, provider: Provider
) -> None:
    await api.agent("impatient", models=[MODELS[0]])
    await provider.faults(status(429, headers={"retry-after": "3600"}))
    run = await api.turn("impatient", "hello", timeout_s=1)
    assert run["error"]["code"] == "deadline"
    await assert_complete(api, run["run"])


async def test_a_provider_that_hangs_meets_the_deadline(api: Api, provider: Provider) -> None:
    await api.agent("hung", models=[MODELS[0]])
    await provider.faults("hang")
    start = time.monotonic()
    run = await api.turn("hung", "hello", timeout_s=1)
    assert run["error"]["code"] == "deadline" and time.monotonic() - start < 5
    events = await assert_complete(api, run["run"])
    assert kinds(events) == ["started", "called", "model_failed", "expired", "ended"]
    assert events[2]["body"]["error"] == "timeout" and events[2]["body"]["cost_micros"] > 0


async def test_a_turn_is_cancelled_while_its_provider_hangs(api: Api, provider: Provider) -> None:
    await api.agent("stopped", models=[MODELS[0]])
    await provider.faults("hang")
    run = await api.turn("stopped", "hello", timeout_s=30, wait_s=0)
    cancelled = await api("POST", f"/v1/runs/{run['run']}/cancel", {})
    assert cancelled.body["status"] == "cancelled", cancelled
    await assert_complete(api, run["run"])


@pytest.mark.parametrize("model", MODELS)
async def test_a_truncated_answer_is_asked_for_with_more_room_and_not_shown_again(
    api: Api, provider: Provider, model: str
) -> None:
    name = model.partition("/")[0]
    await api.agent("long-winded", models=[model])
    await provider.faults("truncated")
    run = await api.turn("long-winded", "hello")
    first, second = await provider.asked(name)
    assert second[CAPS[name]] > first[CAPS[name]]
    assert second[SAID[name]] == first[SAID[name]] and run["repairs"] == 0


@pytest.mark.parametrize("model", MODELS)
async def test_a_repair_shows_the_model_its_answer_and_what_is_wrong_with_it(
    api: Api, provider: Provider, model: str
) -> None:
    name = model.partition("/")[0]
    await api.agent("repaired", output_schema=SCHEMA, models=[model])
    await provider.faults("invalid_answer")
    run = await api.turn("repaired", "Company: Acme")
    assert (run["status"], run["repairs"]) == ("completed", 1)
    *_, wrong, told = (await provider.asked(name))[-1][SAID[name]]
    assert wrong["role"] == "assistant" and told["role"] == "user"
    assert "/subject" in told["content"][0]["text"]


async def test_a_failed_attempt_that_may_have_been_billed_is_charged_at_its_worst_case(
    api: Api, provider: Provider
) -> None:
    await api.agent("charged", models=[MODELS[0]])
    await provider.faults("close", status(500))
    run = await api.turn("charged", "hello")
    charged = [
        (event["kind"], event["body"]["cost_micros"])
        for event in await api.events(run["run"])
        if "cost_micros" in event["body"] and event["kind"] != "ended"
    ]
    assert [kind for kind, _ in charged] == ["model_failed", "model_failed", "replied"]
    lost, refused, answered = [micros for _, micros in charged]
    assert lost > 0 and refused == 0 and answered > 0
    assert run["cost_usd"] == f"{(lost + answered) / 1_000_000:.6f}"


@pytest.mark.parametrize("model", MODELS)
async def test_the_bytes_on_the_wire_are_those_of_the_log(
    api: Api, provider: Provider, model: str
) -> None:
    """The SDK leaves them alone, and sends them once."""
    await api.agent("exact", output_schema=SCHEMA, models=[model])
    run = await api.turn("exact", "Company: Ümläut & Söhne \u2028 GmbH")
    (called,) = [e["body"] for e in await api.events(run["run"]) if e["kind"] == "called"]
    (sent,) = await provider.received()
    assert hashlib.sha256(sent["raw"].encode()).hexdigest() == called["payload_sha256"]
    assert sent["headers"]["x-stainless-retry-count"] == "0"
    assert sent["headers"]["content-type"] == "application/json"
