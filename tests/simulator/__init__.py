"""A local server that speaks OpenAI's Responses API and Anthropic's Messages API.

Every answer is made from the request, and what the real one refuses is refused.
"""

from tests.simulator.server import make_app

__all__ = ["make_app"]
