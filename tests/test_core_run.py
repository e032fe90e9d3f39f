"""What the fold makes of a run's events."""

import json
from pathlib import Path

import orjson

from sidecar.core.messages import Opaque
from sidecar.core.run import SHOWN_BYTES
from tests.house.runs import LUNA, SOL, Story, response, setup, text_item, told


def test_the_model_sees_results_in_the_order_in_which_it_asked() -> None:
    story = Story(setup("one", "two"))
    first, second = story.asks("one", "two").calls
    story.gives(second.id, {"n": 2})
    assert told(story) == []  # not before all of them are there
    story.gives(first.id, {"n": 1})
    expected = ['{"from_tool":"one@1","data":{"n":1}}', '{"from_tool":"two@1","data":{"n":2}}']
    assert told(story) == expected
    assert [m.call for m in story.run.messages[-2:]] == ["call_0", "call_1"]


def test_a_failed_tool_is_told_to_the_model_as_an_error() -> None:
    story = Story(setup("one"))
    story.lacks(story.asks("one").calls[0].id, "tool_failed")
    error = '{"code":"tool_failed","message":"it is tool_failed"}'
    assert told(story) == ['{"from_tool":"one@1","error":' + error + "}"]


def test_a_long_result_is_clipped_for_the_model_and_kept_whole_in_the_log() -> None:
    story, long = Story(setup("one")), "é" * SHOWN_BYTES
    story.gives(story.asks("one").calls[0].id, long)
    shown = orjson.loads(told(story)[0])["data_clipped"]
    assert len(shown.encode()) == SHOWN_BYTES - 1 and set(shown[1:]) == {"é"}
    assert story.run.tool_calls[0].result == long


def test_a_reply_after_failures_of_another_model_counts_as_a_failover() -> None:
    story = Story(setup(models=(LUNA, SOL)))
    story.fails("overloaded").hears(response(text_item("Hi")))
    assert (story.run.models, story.run.failovers, story.run.failures) == ((LUNA, SOL), 1, ())


def test_an_answer_brings_its_opaque_items_along_and_its_usage_and_cost() -> None:
    story = Story().hears(response(text_item("Hi")))
    items = orjson.dumps([text_item("Hi")]).decode()
    assert story.run.messages[-1].opaque == Opaque(
        provider="openai", model="gpt-6-luna", items=items
    )
    usage = {"input": 50, "cached": 20, "cache_write": 30, "output": 25, "reasoning": 15}
    assert dict(story.run.usage) == usage
    # 50 x 0.10 + 20 x 0.01 + 30 x 0.125 + 40 x 0.50 = 28.95 micro-dollars, rounded up
    assert story.run.cost_micros == 29


def test_users_see_the_fields_of_the_schema_in_its_order_and_nothing_that_is_hidden() -> None:
    """At every event of a run: what `decide` goes by besides is never shown."""
    schema = json.loads((Path(__file__).parents[1] / "schemas" / "run.json").read_text())
    call = list(schema["$defs"]["ShownCall"]["properties"])
    story = Story(setup("one"))
    seen = [story.run.model_dump(mode="json", by_alias=True)]
    story.gives(story.asks("one").calls[0].id, 1)
    seen.append(story.run.model_dump(mode="json", by_alias=True))
    story.hears(response(text_item("Hi"))).goes_on()
    seen.append(story.run.model_dump(mode="json", by_alias=True))
    assert all(list(shown) == list(schema["properties"]) for shown in seen)
    assert [list(one) for one in seen[-1]["tool_calls"]] == [call]
    assert [shown["status"] for shown in seen] == ["running", "running", "completed"]
    assert [shown["reserved_usd"] for shown in seen] == ["0.000000"] * 3
