"""`python -m tests.simulator --port N`"""

import argparse

from aiohttp import web

from tests.simulator.server import make_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8790)
    arguments = parser.parse_args()
    web.run_app(make_app(), host=arguments.host, port=arguments.port, print=None)


main()
