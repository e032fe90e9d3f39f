"""Child processes that are gone when we are gone, even by `kill -9`, on any Unix.

Each runs beneath a `sh` that holds the read end of a pipe from us. When we close it, or die and
the kernel closes it, `sh` signals the child. (A `fork` without `exec` would keep the pipe open.)
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

from sidecar.errors import Misconfigured

POLL_S = 0.02
START_TIMEOUT_S = 120  # crash recovery may take long
STOP_TIMEOUT_S = 20
WATCHDOG = """
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(read -r _ <&3; kill -"$0" "$child") &
watch=$!
wait "$child"
status=$?
kill "$watch" 2>/dev/null
exit "$status"
"""


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    ready: Callable[[], bool] = lambda: True,
    signal: str = "TERM",
    keep: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """`signal` ends it; it inherits the file descriptors `keep`, which must be above 3."""
    watched = ["/bin/sh", "-c", WATCHDOG, signal, *map(str, command)]
    with log.open("ab") as out:  # a session of its own: Ctrl-C is for us alone
        child = subprocess.Popen(
            watched,
            stdin=PIPE,
            stdout=out,
            stderr=out,
            env=env,
            start_new_session=True,
            pass_fds=keep,
        )
    try:
        until(lambda: child.poll() is not None or ready(), START_TIMEOUT_S)
        if child.poll() is not None or not ready():
            raise Misconfigured(f"{log.stem} did not start", remedy=f"Its log says why: {log}")
        yield child
    finally:
        _stop(child)


def until(done: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not (so := done()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return so


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ask through the pipe; after a while kill the whole session."""
    try:
        child.communicate(timeout=STOP_TIMEOUT_S)  # closes the pipe
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        child.wait()
