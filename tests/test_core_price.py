"""What a call costs, and that it never costs more than was said before."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.documents import HIDDEN_TOKENS, ModelRow, Price
from sidecar.core.messages import Usage
from sidecar.stores.documents import built_in

PRICE = Price(input=1_000_000, cached=100_000, cache_write=1_250_000, output=8_000_000)
LONG = Price(input=2_000_000, cached=200_000, cache_write=2_500_000, output=12_000_000)
SIZES: Any = {"context_tokens": 1_000_000, "output_tokens": 100_000}
ROW = ModelRow(provider="openai", model="m", price=PRICE, source="made up", **SIZES)
TIERED = ROW.model_copy(update={"long_over": 1_000, "long_price": LONG})
COSTS: list[tuple[ModelRow, Usage, int]] = [
    (ROW, Usage(), 0),  # nothing
    (ROW, Usage(cached=1), 1),  # a tenth of a micro-dollar is a whole one
    (ROW, Usage(cached=10), 1),  # exactly one
    (ROW, Usage(cached=11), 2),  # a little more than one
    (ROW, Usage(input=3, cached=7, cache_write=1), 5),  # 3 + 0.7 + 1.25 = 4.95, rounded once
    (ROW, Usage(output=2, reasoning=3), 40),  # thoughts are priced as output
    (TIERED, Usage(input=1_000), 1_000),  # as long as it may be
    (TIERED, Usage(input=1_001), 2_002),  # longer: all of it at the long price
    (TIERED, Usage(input=1, cached=999, cache_write=1), 205),  # cached tokens make it long too
    (TIERED, Usage(input=1, output=5_000), 40_001),  # a long answer does not
    (TIERED, Usage(input=1_001, output=1), 2_014),  # a long prompt makes the answer dearer
]


@pytest.mark.parametrize(("row", "usage", "micros"), COSTS)
def test_a_call_costs(row: ModelRow, usage: Usage, micros: int) -> None:
    assert row.cost_micros(usage) == micros


def test_the_worst_case_is_every_byte_a_token_at_the_dearest_rate() -> None:
    prompt = 100 + HIDDEN_TOKENS
    assert ROW.worst_case_micros(100, 10) == -(-prompt * 5 // 4) + 80
    assert TIERED.worst_case_micros(100, 10) == prompt * 5 // 2 + 120


SPLIT = st.tuples(*[st.integers(0, 200_000)] * 5)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.sampled_from((ROW, TIERED, *built_in("models").values())), SPLIT, st.integers(0, 1_000))
def test_no_real_call_costs_more_than_its_worst_case(
    row: ModelRow, counts: tuple[int, ...], spare: int
) -> None:
    fresh, cached, written, said, thought = counts
    usage = Usage(input=fresh, cached=cached, cache_write=written, output=said, reasoning=thought)
    prompt_bytes = max(0, fresh + cached + written - HIDDEN_TOKENS) + spare
    assert row.cost_micros(usage) <= row.worst_case_micros(prompt_bytes, said + thought)


def test_every_built_in_model_has_a_source_with_a_date_and_a_price_that_grows() -> None:
    for row in built_in("models").values():
        assert "read on 20" in row.source
        assert row.price.cached < row.price.input <= row.price.cache_write < row.price.output
        assert row.long_price is None or row.long_price.input > row.price.input
