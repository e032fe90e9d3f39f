"""A local server with OpenAI's Responses wire format; every answer is made from the request."""

from tests.simulator.server import make_app

__all__ = ["make_app"]
