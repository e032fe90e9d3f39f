"""Which model is next, and why the others are not."""

from typing import Any

import pytest

from sidecar.core.documents import Policy, Rule
from sidecar.core.events import Seen
from sidecar.core.route import TROUBLES, route, row_of
from tests.house.runs import LUNA, SEEN, SOL, Story, setup

TERRA, HAIKU = "openai/gpt-6.1-terra", "anthropic/claude-haiku-5-5"
POLICY = Policy(
    rules=(
        Rule(when={"task": "draft", "agent": "desk"}, use=((SOL,), ("quick", TERRA))),
        Rule(when={"task": "draft"}, use=((TERRA,),)),
        Rule(when={"agent": "clerk"}, use=(("gpt-6.1-terra",), ("openai/none",))),
        Rule(use=((LUNA,), ("quick",))),
    ),
    aliases={"quick": LUNA},
)
ROUTES: list[tuple[dict[str, Any], str, list[str]]] = [
    # What the agent names goes before every rule; a bare id is a name too.
    ({"models": ("gpt-6.1-terra", SOL), "task": "draft"}, "desk@1", [TERRA, SOL]),
    # An alias that the agent names.
    ({"models": ("quick",)}, "desk@1", [LUNA]),
    # A rule wants all that it says: task and agent; its tiers in order, aliases followed.
    ({"task": "draft"}, "desk@7", [SOL, LUNA, TERRA]),
    # The first rule that matches, not the last.
    ({"task": "draft"}, "other@1", [TERRA]),
    # A model that nobody knows comes last.
    ({}, "clerk@1", [TERRA, "openai/none"]),
    # Two names of one model are one candidate.
    ({"task": "sum"}, "other@1", [LUNA]),
]


def told(ref: str, **agent: Any) -> Story:
    return Story(setup(**agent).model_copy(update={"policy": POLICY}), agent=ref)


@pytest.mark.parametrize(("agent", "ref", "wanted"), ROUTES)
def test_the_candidates_are(agent: dict[str, Any], ref: str, wanted: list[str]) -> None:
    assert [one.model for one in route(told(ref, **agent).run, SEEN)] == wanted


def test_no_rule_that_matches_gives_no_candidate() -> None:
    given = setup().model_copy(update={"policy": Policy()})
    assert route(Story(given).run, SEEN) == []


def test_every_candidate_says_why_it_is_out() -> None:
    story = told("desk@1", models=(LUNA, SOL, "openai/none")).fails("auth")
    tried = [(one.model, one.refused, one.failures) for one in route(story.run, SEEN)]
    assert tried == [(SOL, "", 0), ("openai/none", "unknown_model", 0), (LUNA, "failed_here", 1)]
    assert {one.refused for one in route(story.run, Seen())} == {"no_key", "unknown_model"}


def test_the_fewest_failures_come_first_then_the_order_of_the_policy() -> None:
    story = told("desk@1", models=(LUNA, SOL, TERRA)).fails("server").fails("server")
    assert [one.model for one in route(story.run, SEEN)] == [TERRA, LUNA, SOL]


# How often providers have failed lately, and whom that leaves first.
TROUBLED = [
    ({}, [LUNA, HAIKU]),  # nobody
    ({"openai": TROUBLES - 1}, [LUNA, HAIKU]),  # not often enough
    ({"openai": TROUBLES}, [HAIKU, LUNA]),  # the circuit is open
    ({"openai": TROUBLES, "anthropic": 99}, [LUNA, HAIKU]),  # all: somebody has to be asked
]


@pytest.mark.parametrize(("troubles", "wanted"), TROUBLED)
def test_a_provider_in_trouble_is_behind(troubles: dict[str, int], wanted: list[str]) -> None:
    seen = Seen(providers=("anthropic", "openai"), troubles=troubles)
    listed = route(told("desk@1", models=(LUNA, HAIKU)).run, seen)
    assert [one.model for one in listed] == wanted
    inside = {named for named, count in troubles.items() if count >= TROUBLES}
    assert {one.model.partition("/")[0] for one in listed if one.in_trouble} == inside


def test_a_row_is_found_by_provider_and_id_or_by_id() -> None:
    models = setup().models
    assert row_of(models, "gpt-6-luna") == row_of(models, LUNA) == models[0]
    assert row_of(models, "gpt-6") is row_of(models, "azure/gpt-6-luna") is None


def test_who_has_just_failed_is_behind_who_is_in_trouble() -> None:
    seen = Seen(providers=("anthropic", "openai"), troubles={"openai": TROUBLES})
    story = told("desk@1", models=(LUNA, HAIKU)).fails("rate_limited", 60_000, seen=seen)
    assert story.run.models == (HAIKU,)
    assert route(story.run, seen)[0].model == LUNA
