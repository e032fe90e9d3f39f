"""`make down`, and the locks by which it and the next `make up` know what runs here.

`up.lock` is held by `make up` alone and has its pid; `children.lock` by all that it starts;
`lock` by the servers of `agentrt up`.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lock import holders, inheritable, is_locked, try_lock
from progress import Failed, say

from sidecar.extras.children import until

LOCKS = ("up.lock", "children.lock", "lock")
STOP_TIMEOUT_S = 60
MAKE_KILLED_TIMEOUT_S = 1  # then its `up.py` has noticed
KILLED_TIMEOUT_S = 20  # what a killed run started stops by itself


@contextmanager
def only_one(data: Path) -> Iterator[int]:
    """Nothing else runs on the folder. The descriptor is for the children to keep."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "up.lock").open("a+b") as ours:
        if not until(lambda: try_lock(ours), MAKE_KILLED_TIMEOUT_S):
            raise Failed("It is already running here. Stop it first: make down")
        ours.truncate(0)
        ours.write(b"%d" % os.getpid())
        ours.flush()
        with (data / "children.lock").open("ab") as file, inheritable(file) as lock:
            if not try_lock(lock):
                say("What a killed run started is still stopping ...")
            if not until(lambda: try_lock(lock), KILLED_TIMEOUT_S):
                left = holders(data / "children.lock") - {os.getpid()}
                raise Failed(f"A killed run left the processes {left}. Stop them: make down")
            yield lock.fileno()


def is_up(data: Path) -> bool:
    return any(is_locked(data / name) for name in LOCKS)


def down(data: Path) -> None:
    if not is_up(data):
        say("Nothing is running.")
        return
    for pid in _ends_the_rest(data) or _left(data):
        os.kill(pid, signal.SIGTERM)
    if not until(lambda: not is_up(data), STOP_TIMEOUT_S):
        left = " ".join(map(str, sorted(_left(data))))
        raise Failed(f"Still running after {STOP_TIMEOUT_S} s. End it: kill -9 {left}")
    say("Stopped.")


def _ends_the_rest(data: Path) -> set[int]:
    """The process of `make up`, if it lives."""
    lock = data / "up.lock"
    return {int(lock.read_text())} if is_locked(lock) else set()


def _left(data: Path) -> set[int]:
    return {pid for name in LOCKS for pid in holders(data / name)}


if __name__ == "__main__":
    try:
        down(Path(os.environ.get("AGENTRT_DATA", ".agentrt")))
    except Failed as error:
        sys.exit(f"\n{error}")
