"""Any life of a turn ends, goes on the same after a cut at any event, and replays."""

from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core import events as e
from sidecar.core.run import Run, fold
from sidecar.core.turn import CallModel, Wait, called, decide
from sidecar.extras.replay import verdict
from tests.house.runs import (
    ENCODERS,
    LUNA,
    SEEN,
    SOL,
    TITLED,
    Story,
    call_item,
    cut,
    response,
    setup,
)
from tests.house.runs import text_item as text

ANSWERS = {
    "fits": response(text('{"title": "Hi"}')),
    "flawed": response(text("{}")),
    "cut": cut('{"ti'),
    "refused": response(text("", content=[{"type": "refusal", "refusal": "No."}])),
    "one tool": response(call_item(0, "one")),
    "two tools": response(call_item(0, "two"), call_item(1, "nobody", "{")),
    "caller's tool": response(call_item(0, "caller_crm"), call_item(1, "two")),
    "no usage": response(text("?"), usage=None),
}
FAILURES = ("server", "rate_limited", "auth", "rejected", "context", "lost")
WORLDS = st.lists(st.sampled_from((*ANSWERS, *FAILURES, "cancelled", "expired")), max_size=14)


def lived(world: list[str]) -> Story:
    """A turn in which the model says one word after the other, then only what fits."""
    story = Story(setup("one", "two", "caller_crm", models=(LUNA, SOL), output_schema=TITLED))
    words = iter(world)
    while not story.run.ended_ms:
        match decide(story.run), next(words, "fits"):
            case CallModel(), ("cancelled" | "expired") as kind:
                story.write(e.Stopped(kind=kind))
            case CallModel(), word if no_model(story):
                story.goes_on()
            case CallModel(), word if word in ANSWERS:
                story.hears(ANSWERS[word])
            case CallModel(), word:
                story.fails(word)
            case Wait(), word:
                returns(story, word)
            case _:
                story.goes_on()
    return story


def no_model(story: Story) -> bool:
    return isinstance(called(story.run, SEEN, ENCODERS)[0], e.Ended)


def returns(story: Story, word: str) -> None:
    """The last open tool call returns, or is in doubt for a moment."""
    call = story.run.calls("pending", "unknown")[-1]
    if word in FAILURES and call.status == "pending":
        story.lacks(call.call, "unknown")
    else:
        story.gives(call.call, {"after": word})


def folded(story: Story, count: int) -> Run:
    events = story.events[:count]
    first = fold(None, events[0], story.parts)
    return reduce(lambda run, event: fold(run, event, story.parts), events[1:], first)


def decided(run: Run, said: Any) -> Any:
    """What is written next, given what the edge saw when this was."""
    intent = decide(run)
    if isinstance(intent, CallModel):
        return called(run, said.seen, ENCODERS)[0]
    return intent


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(WORLDS)
def test_a_run_cut_after_any_event_ends_the_same(world: list[str]) -> None:
    story = lived(world)
    assert folded(story, len(story.events)) == story.run
    for count, event in enumerate(story.events[1:], 1):
        run, said = folded(story, count), event.said()
        if isinstance(said, e.Decided):
            assert decided(run, said) == said
        elif not isinstance(said, e.Stopped):
            assert isinstance(decide(run), Wait)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(WORLDS)
def test_every_life_replays_identically(world: list[str]) -> None:
    found = verdict(lived(world).bundle(), ENCODERS)
    assert (found.verdict, found.first) == ("identical", None)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(WORLDS)
def test_every_life_has_one_end_and_at_most_two_repairs(world: list[str]) -> None:
    story = lived(world)
    assert [event.kind for event in story.events].count("ended") == 1
    assert story.run.invalid <= 3 and story.run.truncated <= 2 and len(story.run.models) <= 10
    assert story.run.cost_micros == sum(
        said.cost_micros
        for said in (event.said() for event in story.events)
        if isinstance(said, e.Answered)
    )
