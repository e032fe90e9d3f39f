"""Installations whose processes are cut where a test orders it, and a client that is patient."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from tests.house.api import Answer, Api
from tests.house.installation import KEY, Installation
from tests.house.processes import Process, free_port, start
from tests.house.until import until

CUT_OFF = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)


@dataclass(frozen=True, slots=True)
class Lane:
    """One turn at a time: what it passes is written down while there are orders."""

    house: Installation
    folder: Path
    process: Process

    def order(self, cuts: tuple[str, ...]) -> None:
        (self.folder / "passed").write_text("")
        (self.folder / "orders").write_text("\n".join(cuts))

    def obey_no_more(self) -> list[str]:
        """The ordered cuts that did not happen."""
        left = (self.folder / "orders").read_text().splitlines()
        (self.folder / "orders").unlink()
        return left

    def passed(self) -> list[str]:
        return (self.folder / "passed").read_text().splitlines()


class Patient(Api):
    """Asks again whenever it was cut off or sent away, as a careful client does."""

    def __init__(self, session: aiohttp.ClientSession, lane: Lane) -> None:
        super().__init__(session, lane.process, KEY)

    async def __call__(self, *given: Any, **more: Any) -> Answer:
        ask = super().__call__

        async def answered() -> Answer | None:
            assert self.process.child.poll() is None, self.process.said()
            try:
                found = await ask(*given, **more)
            except CUT_OFF:
                return None
            return None if found.status == 503 else found

        found = await until(answered, 40)
        assert found
        return found


@contextmanager
def lanes(houses: list[Installation], folder: Path) -> Iterator[list[Lane]]:
    """All have one supervisor, which must end well."""
    found: list[tuple[Installation, Path, str]] = []
    for number, house in enumerate(houses):
        lane, port = folder / str(number), str(free_port())
        lane.mkdir(parents=True)
        env = {"DATABASE_URL": house.database_url, "REDIS_URL": house.redis_url}
        env |= {**house.settings, "AGENTRT_KEY": KEY, "AGENTRT_PORT": port, "CUTS": str(lane)}
        (lane / "env.json").write_text(json.dumps(env))
        found.append((house, lane, f"http://127.0.0.1:{port}"))
    logs, env = houses[0].folder, {"CUTS": str(folder)}
    process = start(["-m", "tests.house.cuts"], logs, env=env)
    try:
        yield [Lane(house, lane, replace(process, url=url)) for house, lane, url in found]
    finally:
        status = process.stop()
    assert status == 0, f"status {status}: {process.said()}"
