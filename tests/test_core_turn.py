"""`decide` alone: every way in which a turn goes on or ends, without a store, a clock or a wire."""

import hashlib
import uuid
from collections.abc import Callable

import orjson
import pytest

from sidecar.core import events as e
from sidecar.core.events import unchain
from sidecar.core.turn import CallModel, Payload, Wait, decide
from sidecar.core.view import REMEDIES
from tests.house.runs import (
    LUNA,
    RUN,
    SEEN,
    SOL,
    TITLED,
    Story,
    call_item,
    contract,
    cut,
    response,
    setup,
    text_item,
    told,
)

REFUSAL = text_item("", content=[{"type": "refusal", "refusal": "I cannot."}])
FILTERED = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}


def says(*texts: str) -> Story:
    """A turn whose agent wants a title, and the answers that it got."""
    story = Story(setup(output_schema=TITLED))
    for text in texts:
        story.hears(response(text_item(text)))
    return story


def fails(*errors: str) -> Story:
    story = Story(setup(models=(LUNA, SOL)))
    for error in errors:
        story.fails(error)
    return story


def rounds(count: int) -> Story:
    """As many rounds of a tool call, of an agent that has two model calls."""
    story = Story(setup("one", calls=2))
    for _ in range(count):
        story.gives(story.asks("one").calls[0].id, 1)
    return story


def stopped(kind: str) -> Story:
    story = Story(setup("one"))
    story.asks("one")
    return story.write(e.Stopped.model_validate({"kind": kind}))


def unheard(*errors: str) -> Story:
    """Ended by the routing: no candidate is left after these failures."""
    story = fails(*errors)
    story.goes_on()
    return story


ENDS: list[tuple[str, str, Callable[[], Story]]] = [
    # Three answers that are no JSON: the first and both repairs.
    ("output_invalid", "/: json", lambda: says("a", "b", "c")),
    # Three empty answers, where no schema asks for more than some answer.
    ("output_invalid", "/: empty", lambda: cut_then("", "", "")),
    # Three attempts of one call, over both candidates.
    ("providers_exhausted", f"3 attempts; {LUNA}", lambda: fails("server", "timeout", "lost")),
    # Both candidates are dead for this step.
    ("providers_exhausted", f"{SOL}: failed_here", lambda: unheard("auth", "quota")),
    # The request itself is wrong: no other provider is asked.
    ("provider_rejected", f"{LUNA}: it is rejected", lambda: fails("rejected")),
    # The same, for its length.
    ("context_exceeded", f"{LUNA}: it is context", lambda: fails("server", "server", "context")),
    # The model declines.
    ("refused", "I cannot.", lambda: Story().hears(response(REFUSAL))),
    # A policy of the provider's forbids it.
    ("refused", f"{LUNA}: it is policy", lambda: fails("policy")),
    # The provider's filter cuts the answer off.
    ("refused", "declined", lambda: Story().hears(response(text_item("declined"), **FILTERED))),
    # It cuts everything off.
    ("refused", "the provider refused", lambda: Story().hears(response(**FILTERED))),
    # Cut at the cap, and again at the larger one.
    ("truncated", "cut at the output cap", lambda: Story().hears(cut("a")).hears(cut("b"))),
    # Tool calls without end.
    ("turn_limit", "2 model calls", lambda: rounds(2)),
    # Time is over while a tool runs.
    ("deadline", "timeout_s", lambda: stopped("expired")),
]


def cut_then(*texts: str) -> Story:
    story = Story()
    for text in texts:
        story.hears(response(text_item(text)))
    return story


@pytest.mark.parametrize(("code", "words", "lived"), ENDS, ids=[row[0] for row in ENDS])
def test_a_turn_that_fails_says_one_code_and_why(
    code: str, words: str, lived: Callable[[], Story]
) -> None:
    end = decide(lived().run)
    assert isinstance(end, e.Ended) and end.error
    assert (end.status, end.error.code, end.output) == ("failed", code, None)
    assert words in end.error.message
    assert "conversation" not in end.parts  # the next turn does not build on it


def test_every_failure_code_has_a_row_here_and_a_remedy() -> None:
    assert {code for code, _, _ in ENDS} == set(REMEDIES)


def test_a_cancelled_turn_ends_cancelled_whatever_returns_later() -> None:
    story = stopped("cancelled")
    story.gives(story.run.tool_calls[0].call, 1)
    end = story.goes_on()
    assert (end.status, end.error, story.run.status) == ("cancelled", None, "cancelled")


def test_an_answer_that_fits_ends_the_turn_with_its_json() -> None:
    end = says('```json\n{"title": "Hi"}\n```').goes_on()
    assert (end.status, end.output) == ("completed", '{"title":"Hi"}')


def test_a_wrong_answer_is_asked_again_exactly_twice_with_its_flaws() -> None:
    story = says('{"title": 1}')
    assert decide(story.run) == CallModel()
    assert told(story, "user")[-1] == (
        "Your answer does not fit the required output:\n"
        '- at /title: type "string"\n'
        "Answer again, corrected."
    )
    story.hears(response(text_item("{}")))
    assert decide(story.run) == CallModel()
    story.hears(response(text_item('{"title": "third"}')))
    assert (story.goes_on().output, story.run.repairs) == ('{"title":"third"}', 2)


def test_a_cut_answer_is_asked_for_once_more_with_a_larger_cap_and_not_shown_back() -> None:
    story = Story().hears(cut("Once upon"))
    before = story.run.messages
    assert decide(story.run) == CallModel()
    story.calls()
    assert cap(story) == 4 * 8_192
    assert story.run.messages == before and len(before) == 1


def cap(story: Story) -> int:
    assert isinstance(story.run.last, e.Called)
    return orjson.loads(story.parts[story.run.last.parts["frame"]].body)["max_output_tokens"]


def test_the_larger_cap_is_never_more_than_the_model_can() -> None:
    given = setup()
    row = given.models[0].model_copy(update={"output_tokens": 10_000})
    story = Story(given.model_copy(update={"models": (row,)})).hears(cut("a"))
    story.calls()
    assert cap(story) == 10_000


CLAUDE, TERRA = "anthropic/claude-haiku-5-5", "openai/gpt-6.1-terra"
BACKOFF: list[tuple[tuple[str, ...], tuple[tuple[str, int], ...], int]] = [
    ((LUNA,), (("server", 0),), 500),  # half a second after the first failure
    ((LUNA,), (("server", 0), ("timeout", 0)), 1_000),  # twice as long after the second
    ((LUNA,), (("rate_limited", 2_000),), 2_000),  # the provider asks for more
    ((LUNA,), (("rate_limited", 100),), 500),  # it asks for less
    ((LUNA,), (("lost", 0),), 500),  # whoever died, it was not the provider
    ((LUNA, SOL), (("server", 0),), 0),  # another candidate need not be waited for
    ((LUNA, SOL), (("rate_limited", 60_000),), 0),  # whatever the first one asks for
    ((LUNA, SOL), (("lost", 0),), 500),  # no reason to leave the first one
    ((LUNA, SOL), (("server", 0), ("timeout", 0)), 1_000),  # all have been tried
    ((LUNA, CLAUDE), (("server", 0),), 500),  # one without a key is no candidate
    ((LUNA, SOL), (("auth", 9_000),), 0),  # nothing to wait for: the first one is out
    ((LUNA, SOL), (("auth", 0), ("overloaded", 0)), 1_000),  # the only one that is left
]


@pytest.mark.parametrize(("models", "failures", "after_ms"), BACKOFF)
def test_a_failed_call_is_made_again_after(
    models: tuple[str, ...], failures: tuple[tuple[str, int], ...], after_ms: int
) -> None:
    story = Story(setup(models=models))
    for error, asked_ms in failures:
        story.fails(error, asked_ms)
    assert decide(story.run) == CallModel(after_ms)


def test_each_candidate_is_tried_before_any_is_given_up() -> None:
    story = Story(setup(models=(LUNA, SOL, TERRA, CLAUDE)))
    seen = SEEN.model_copy(update={"providers": ("anthropic", "openai")})
    for error in ("server", "timeout", "garbled", "overloaded"):
        story.fails(error, seen=seen)
    assert story.run.models == (LUNA, SOL, TERRA, CLAUDE)
    end = decide(story.run)
    assert isinstance(end, e.Ended) and end.error and "4 attempts" in end.error.message


def test_a_lost_call_is_made_again_where_it_was_and_no_more_often_than_others() -> None:
    story = Story(setup(models=(LUNA, SOL))).fails("lost").fails("lost").fails("lost")
    assert story.run.models == (LUNA,) * 3
    end = decide(story.run)
    assert isinstance(end, e.Ended) and end.error and end.error.code == "providers_exhausted"


# A failed call, and whether it may have been billed all the same.
BILLED = [
    ("timeout", True),  # it may still have been answered
    ("transport", True),  # cut in mid-answer
    ("garbled", True),  # an answer, if an odd one
    ("lost", True),  # nobody heard the answer
    ("server", False),
    ("rate_limited", False),
    ("auth", False),
    ("rejected", False),
]


@pytest.mark.parametrize(("error", "billed"), BILLED)
def test_a_failed_call_costs_its_worst_case_if_it_may_have_been_billed(
    error: str, billed: bool
) -> None:
    story = Story().fails(error)
    called = story.events[-2].said()
    assert isinstance(called, e.Called) and called.worst_case_micros > 0
    assert story.run.cost_micros == (called.worst_case_micros if billed else 0)
    assert story.run.reserved_micros == 0


@pytest.mark.parametrize("error", e.ELSEWHERE)
def test_a_dead_candidate_is_skipped_for_the_rest_of_the_step(error: str) -> None:
    story = fails(error, "server")
    assert story.run.models == (LUNA, SOL)
    said = story.calls()
    assert f"{said.provider}/{said.model}" == SOL
    assert [one.refused for one in said.route] == ["", "failed_here"]


def test_candidates_take_turns_and_a_reply_forgives_their_failures() -> None:
    story = Story(setup("one", models=(LUNA, SOL)))
    story.fails("server").fails("server")
    story.gives(story.asks("one").calls[0].id, 1)
    story.fails("server").fails("server")
    assert decide(story.run) == CallModel(1_000)
    assert story.run.models == (LUNA, SOL, LUNA, LUNA, SOL)


def test_a_turn_without_a_provider_ends_and_says_what_it_saw() -> None:
    seen = SEEN.model_copy(update={"providers": ()})
    end = Story().goes_on(seen)
    assert end.error == e.Failure(
        code="providers_exhausted",
        message=f"no model can be called ({LUNA}: no_key, {CLAUDE}: no_key)",
    )
    assert end.seen == seen


def test_failed_attempts_count_as_model_calls() -> None:
    story = Story(setup(calls=2)).fails("server").fails("server")
    end = decide(story.run)
    assert isinstance(end, e.Ended) and end.error and end.error.code == "turn_limit"


def test_tools_are_asked_under_ids_and_keys_that_only_the_run_decides() -> None:
    story = Story(setup("one"))
    known, stranger = story.asks("one", "nobody").calls
    assert (known.id, stranger.id) == ("4.0", "4.1")
    assert known.idempotency_key == str(uuid.uuid5(uuid.UUID(RUN), "4.0"))
    assert (known.contract, known.side_effects, known.provider_id) == ("one@1", "once", "call_0")
    assert (stranger.contract, stranger.binding, stranger.side_effects) == ("", "", "none")


def test_a_binding_digest_changes_with_the_binding_and_not_with_the_signature() -> None:
    given, asked = setup("one"), list[e.AskedCall]()
    changes = [{}, {"retries": 9}, {"description": "other", "input_schema": {}}]
    for change in changes:
        changed = given.model_copy(update={"contracts": (contract("one", **change),)})
        asked.append(Story(changed).asks("one").calls[0])
    assert asked[0].binding == asked[2].binding != asked[1].binding


def test_a_turn_waits_for_all_its_tools() -> None:
    story = Story(setup("one"))
    first, second = story.asks("one", "one").calls
    assert decide(story.run) == Wait("tools")
    story.gives(second.id, 2)
    assert decide(story.run) == Wait("tools")
    story.gives(first.id, 1)
    assert decide(story.run) == CallModel()


def test_a_call_in_doubt_waits_for_a_person_once_nothing_else_is_open() -> None:
    story = Story(setup("one"))
    first, second = story.asks("one", "one").calls
    story.lacks(first.id, "unknown")
    assert (decide(story.run), story.run.status) == (Wait("tools"), "running")
    story.gives(second.id, 2)
    assert (decide(story.run), story.run.status) == (Wait("decision"), "waiting")
    waiting = story.run.waiting
    assert waiting and waiting.calls == (first.id,)
    story.gives(first.id, 1)
    assert (decide(story.run), len(told(story))) == (CallModel(), 2)


def test_a_called_model_is_waited_for() -> None:
    story = Story()
    assert decide(story.run) == CallModel()
    story.calls()
    assert decide(story.run) == Wait("model")


def test_the_recorded_call_proves_the_bytes_that_were_sent() -> None:
    story = Story(setup("one"))
    story.gives(story.asks("one").calls[0].id, 1)
    said = story.calls()
    frame, items = story.parts[said.parts["frame"]].body, unchain(story.parts, said.parts["items"])
    body = Payload(frame, items).body()
    assert hashlib.sha256(body).hexdigest() == said.payload_sha256
    assert len(orjson.loads(body)["input"]) == len(items) == 3
    assert said.worst_case_micros > 0


def test_text_without_a_tool_call_beside_one_is_no_answer_yet() -> None:
    story = Story(setup("one")).hears(response(text_item("Let me see."), call_item(0, "one")))
    assert isinstance(decide(story.run), e.ToolsAsked)
