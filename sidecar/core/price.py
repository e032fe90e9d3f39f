"""Money, in whole micro-dollars, always rounded up."""

from sidecar.core.documents import ModelRow
from sidecar.core.messages import Usage

HIDDEN_TOKENS = 1_024  # the provider's own tool and format prompts


def cost_micros(row: ModelRow, usage: Usage) -> int:
    """A prompt longer than `long_over` tokens is priced whole at the long price."""
    prompt = usage.input + usage.cached + usage.cache_write
    price = row.long_price if row.long_price and prompt > row.long_over else row.price
    tokens = {**usage.model_dump(), "output": usage.output + usage.reasoning}
    rates = price.model_dump()
    return -(-sum(tokens[name] * rate for name, rate in rates.items()) // 1_000_000)


def worst_case_micros(row: ModelRow, payload_bytes: int, output_tokens: int) -> int:
    """No byte-level BPE makes more tokens than bytes; here all of them are written to the cache."""
    usage = Usage(cache_write=payload_bytes + HIDDEN_TOKENS, output=output_tokens)
    long = row.model_copy(update={"price": row.long_price or row.price})
    return max(cost_micros(row, usage), cost_micros(long, usage))
