"""`decide`, alone: every way in which a turn goes on, waits or ends."""

from typing import Any

import pytest

from sidecar.core.events import Ended, Failure, Flaw, Stopped, ToolsAsked
from sidecar.core.run import fold
from sidecar.core.turn import ATTEMPTS, OUTPUT_TOKENS, REPAIRS, CallModel, Wait, decide
from tests.house.runs import NAMED, Story

FLAW = Flaw(path="/name", rule="type", expected='"string"')


def ends(story: Story, code: str | None = None) -> Ended:
    decision = decide(story.run)
    assert isinstance(decision, Ended), decision
    assert (decision.error.code if decision.error else None) == code
    return decision


def test_a_plain_answer_completes_the_turn() -> None:
    end = ends(Story().decide().reply(text="Hi."))
    assert (end.status, end.output, end.cost_micros) == ("completed", "Hi.", 4)


def test_an_invalid_answer_is_asked_again_exactly_twice_with_what_is_wrong() -> None:
    story = Story({"output_schema": NAMED})
    for _ in range(REPAIRS):
        story.decide().reply(flaws=(FLAW,))
        assert decide(story.run) == CallModel()
        assert "/name: type" in story.run.messages[-1].parts[0].text
    story.decide().reply(flaws=(FLAW,))
    assert len(story.run.models) == 3
    ends(story, "output_invalid")


def test_a_repaired_answer_completes() -> None:
    story = Story({"output_schema": NAMED}).decide().reply(flaws=(FLAW,))
    end = ends(story.decide().reply(answer='{"name":"A"}'))
    assert end.output == '{"name":"A"}'


def test_a_truncated_answer_gets_one_larger_cap_and_is_not_shown_back() -> None:
    story = Story().decide().reply("truncated", "Once upon")
    assert decide(story.run) == CallModel() and len(story.run.messages) == 1
    story.decide()
    assert story.run.called
    frame = story.parts[story.run.called.parts["frame"]].body
    assert f'"max_output_tokens":{OUTPUT_TOKENS * 4}'.encode() in frame
    ends(story.reply("truncated", "Once upon"), "truncated")


def test_a_refusal_ends_the_turn_with_its_words() -> None:
    end = ends(Story().decide().reply("refused", "I will not."), "refused")
    assert end.error and end.error.message == "I will not."


# What a failed call leads to at once. Source: sidecar/core/events.py.
HOPELESS = [("rejected", "provider_rejected"), ("context", "context_exceeded")]


@pytest.mark.parametrize("error, code", HOPELESS)
def test_a_hopeless_failure_ends_the_turn(error: str, code: str) -> None:
    ends(Story().decide().fail(error), code)


@pytest.mark.parametrize("error", ["rate_limited", "server", "timeout", "garbled", "lost"])
def test_a_passing_failure_is_tried_elsewhere_first_and_three_times_in_all(error: str) -> None:
    story, models = Story(), []
    for _ in range(ATTEMPTS):
        story.decide().fail(error)
        models.append(story.run.models[-1])
    assert models == ["openai/small", "openai/large", "openai/small"]
    ends(story, "providers_exhausted")


def test_a_wait_the_provider_asks_for_is_kept() -> None:
    story = Story().decide().fail("rate_limited", retry_after_ms=7_000)
    assert decide(story.run) == CallModel(after_ms=7_000)


def test_a_model_that_is_dead_is_out_for_this_step() -> None:
    story = Story().decide().fail("auth").decide()
    assert story.run.models[-1] == "openai/large"
    story.fail("quota").decide()
    ended = story.run.ended
    assert ended and ended.error and ended.error.code == "providers_exhausted"
    assert "failed_here" in ended.error.message


def test_a_turn_has_only_so_many_model_calls() -> None:
    story = Story({"limits": {"model_calls": 2}})
    for _ in range(2):
        story.decide().ask("lookup").tool(story.run.steps[-1].asked.id)
    ends(story, "turn_limit")


def test_a_turn_past_its_deadline_fails_and_a_cancelled_one_is_cancelled() -> None:
    ends(Story().decide().add(Stopped(kind="expired")), "deadline")
    end = ends(Story().decide().add(Stopped(kind="cancelled", by="somebody")))
    assert end.status == "cancelled"


def test_a_model_call_without_its_answer_is_waited_for() -> None:
    assert decide(Story().decide().run) == Wait("model")


def test_results_are_shown_together_in_the_order_in_which_the_model_asked() -> None:
    story = Story().decide().ask("lookup", "nobody")
    asked = story.made[-1].said()
    assert isinstance(asked, ToolsAsked)
    assert [(c.contract, c.side_effects) for c in asked.calls] == [
        ("lookup@3", "none"),
        ("", "none"),
    ]
    second, first = asked.calls[1].id, asked.calls[0].id
    story.tool(second, error=Failure(code="tool_unknown", message="no such tool"))
    assert decide(story.run) == Wait("tools")
    story.tool(first)
    assert decide(story.run) == CallModel()
    assert [message.call for message in story.run.messages[-2:]] == ["p0", "p1"]
    assert '"tool_unknown"' in story.run.messages[-1].parts[0].text


def test_a_call_in_doubt_waits_for_a_person() -> None:
    story = Story().decide().ask("lookup")
    doubt = Failure(code="unknown", message="its worker went away")
    assert decide(story.tool("4.0", error=doubt).run) == Wait("decision")


def stories() -> list[Story]:
    told = Story({"output_schema": NAMED}).decide().fail("server").decide().ask("lookup", "lookup")
    told.tool("6.0").tool("6.1").decide().reply(flaws=(FLAW,)).decide()
    return [told.reply(answer='{"name":"A"}').decide(), Story().decide().fail("rejected").decide()]


@pytest.mark.parametrize("story", stories(), ids=["long", "short"])
def test_a_run_cut_after_any_event_ends_the_same(story: Story) -> None:
    """Folded again from its log, it decides what the uncut run decided."""
    run: Any = None
    for event in story.made:
        if event.kind in ("called", "tools_asked", "ended"):
            decision = decide(run)
            kind = "called" if isinstance(decision, CallModel) else decision.kind  # type: ignore
            assert kind == event.kind
        run = fold(run, event, story.parts)
    assert run == story.run and run.ended
