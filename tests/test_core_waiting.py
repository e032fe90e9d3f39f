"""Who a turn waits for, how long, and what becomes of it then: by `decide` alone."""

from typing import Any

import pytest
from pydantic import ValidationError

from sidecar.core import events as e
from sidecar.core.turn import CallModel, Wait, decide
from sidecar.extras.replay import verdict
from tests.house.runs import ENCODERS, Story, contract, response, setup, text_item, told

DAY_MS = 86_400_000


def asking(*tools: str, **started: Any) -> tuple[Story, list[str]]:
    """A turn whose model asked for these tools, and the names of the calls."""
    story = Story(setup(*tools), **started)
    return story, [call.id for call in story.asks(*tools).calls]


def shown(story: Story) -> tuple[str, Any]:
    run = story.run.model_dump(mode="json", by_alias=True)
    return run["status"], run["waiting"]


def test_a_turn_rests_and_hands_its_callers_calls_over_until_a_week_is_over() -> None:
    story, (call,) = asking("caller_crm")
    assert (decide(story.run), shown(story)) == (
        Wait("tools"),
        ("waiting", {"for": "tools", "calls": [call], "until": "1970-01-08T00:00:04.000+00:00"}),
    )
    assert [(one.call, one.status) for one in story.run.tool_calls] == [(call, "pending")]
    story.gives(call, {"n": 1})
    assert (decide(story.run), shown(story)) == (CallModel(), ("running", None))
    assert told(story) == ['{"from_tool":"caller_crm@1","data":{"n":1}}']


def test_a_callers_error_is_told_to_the_model() -> None:
    story, (call,) = asking("caller_crm")
    story.lacks(call, "not_found")
    error = '{"code":"not_found","message":"it is not_found"}'
    assert told(story) == ['{"from_tool":"caller_crm@1","error":' + error + "}"]
    assert decide(story.run) == CallModel()


def test_no_worker_gets_a_callers_call() -> None:
    asked = Story(setup("one", "caller_crm")).asks("one", "caller_crm", "nobody")
    assert [call.kind for call in asked.calls] == ["http", "caller", "http"]
    assert [call.tool for call in asked.for_workers()] == ["one", "nobody"]


def given(call: str) -> e.ToolReturned:
    return e.ToolReturned(call=call, attempts=1)


def doubt(call: str) -> e.ToolReturned:
    error = e.Failure(code="unknown", message="?")
    return e.ToolReturned(call=call, attempts=1, error=error)


MIXED: list[tuple[list[tuple[Any, str]], str | None, list[str]]] = [
    # A worker still has its call: the turn runs, though the caller could answer, and may.
    ([], None, []),
    ([(given, "caller_crm")], None, []),
    # The worker is done: the caller is waited for.
    ([(given, "one")], "tools", ["caller_crm"]),
    # The worker's call is in doubt: first for results, which need no person, then for one.
    ([(doubt, "one")], "tools", ["caller_crm"]),
    ([(doubt, "one"), (given, "caller_crm")], "decision", ["one"]),
    # Everything is there.
    ([(given, "one"), (given, "caller_crm")], None, []),
]


@pytest.mark.parametrize(("returned", "reason", "tools"), MIXED)
def test_a_mixed_batch_waits_for(
    returned: list[tuple[Any, str]], reason: str | None, tools: list[str]
) -> None:
    story, calls = asking("one", "caller_crm")
    names: dict[str, str] = dict(zip(("one", "caller_crm"), calls, strict=True))
    for what, tool in returned:
        story.write(what(names[tool]))
    waiting = story.run.waiting
    assert (waiting and waiting.reason) == reason
    assert story.run.status == ("waiting" if reason else "running")
    assert list(waiting.calls if waiting else ()) == [names[tool] for tool in tools]
    is_open = len([one for one in returned if one[0] is given]) < 2
    assert decide(story.run) == (Wait(reason or "tools") if is_open else CallModel())  # type: ignore[arg-type]


def test_each_result_gives_the_caller_the_whole_time_again() -> None:
    story, (first, second) = asking("caller_a", "caller_b")
    before = story.run.waiting
    story.gives(second, 2)
    after = story.run.waiting
    assert before and after and after.calls == (first,)
    assert after.until_ms == before.until_ms + 1_000 == story.run.at_ms + 7 * DAY_MS


def test_waiting_takes_nothing_from_the_time_limit() -> None:
    """`started` at 1 s, `tools_asked` at 4 s; an event each second, but for the caller's result."""
    story, (call,) = asking("caller_crm", deadline_ms=9_000)
    assert story.run.deadline_ms == 4_000 + 7 * DAY_MS
    story.gives(call, 1, at_ms=3 * DAY_MS)
    assert story.run.deadline_ms == 9_000 + 3 * DAY_MS - 4_000
    story.hears(response(text_item("Hi")))
    assert story.run.deadline_ms == 9_000 + 3 * DAY_MS - 4_000


EXPIRED = [
    ("caller_crm", "nobody answered by 1970-01-08T00:00:04.000+00:00"),  # waited for
    ("one", "the turn was not done within its timeout_s"),  # a worker is too slow
]


@pytest.mark.parametrize(("tool", "words"), EXPIRED)
def test_a_turn_whose_time_is_over_fails_and_says_whose_time(tool: str, words: str) -> None:
    story, _ = asking(tool)
    end = story.write(e.Stopped(kind="expired")).goes_on()
    assert (end.status, end.error) == ("failed", e.Failure(code="deadline", message=words))
    assert (shown(story), story.run.tool_calls[0].status) == (("failed", None), "pending")
    found = verdict(story.bundle(), ENCODERS)
    assert (found.verdict, found.first) == ("identical", None)


def test_a_call_in_doubt_expires_like_any_other_wait() -> None:
    story, (call,) = asking("one")
    story.write(doubt(call)).write(e.Stopped(kind="expired"))
    end = story.goes_on()
    assert end.error.message == "nobody answered by 1970-01-08T00:00:05.000+00:00"


def test_a_waiting_turn_is_cancelled_and_a_late_result_changes_nothing() -> None:
    story, (call,) = asking("caller_crm")
    story.write(e.Stopped(kind="cancelled", by="operator")).gives(call, 1)
    assert story.goes_on().status == "cancelled"
    assert shown(story) == ("cancelled", None)


def test_a_turn_with_a_callers_tool_replays_identically() -> None:
    story, (call,) = asking("caller_crm")
    story.gives(call, 1, at_ms=DAY_MS).hears(response(text_item("Hi"))).goes_on()
    found = verdict(story.bundle(), ENCODERS)
    assert (found.verdict, found.first, found.events) == ("identical", None, 8)


URL = {"url": "http://tools.example/"}
NAMED = {"module": "shop.tools", "function": "lookup"}
CONFIGS: list[tuple[str, Any, str]] = [
    ("http", URL, ""),
    ("function", NAMED, ""),
    ("caller", None, ""),
    ("http", None, "config"),  # an address is missing
    ("function", None, "config"),  # a name is missing
    ("caller", URL, "config"),  # nobody calls it
    ("caller", {}, "config"),  # not even with an empty one
    ("http", {"url": "ftp://tools.example/"}, "config.url"),  # what is wrong inside is named
    ("http", NAMED, "config.url"),  # another kind's
    ("function", URL, "config.module"),  # the other way round
    ("mcp", URL, "kind"),  # no such kind
]


@pytest.mark.parametrize(("kind", "config", "field"), CONFIGS)
def test_a_contract_has_the_config_of_its_kind(kind: str, config: Any, field: str) -> None:
    if not field:
        made = contract("one", kind=kind, config=config)
        assert made == type(made).model_validate_json(made.json_bytes())
        return
    with pytest.raises(ValidationError) as found:
        contract("one", kind=kind, config=config)
    assert ".".join(map(str, found.value.errors()[0]["loc"])) == field
