"""Child processes that are gone when we are gone, even by `kill -9`, on any Unix.

Each runs beneath a `sh` that holds the read end of a pipe from us. When we close it, or die and
the kernel closes it, `sh` signals the child. (A `fork` without `exec` would keep the pipe open.)
What the child leaves behind, `sh` ends with it: they are a session of their own.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import IO, NoReturn

from sidecar.errors import Misconfigured

POLL_S = 0.02
WATCH_S = 0.2
START_TIMEOUT_S = 120  # crash recovery may take long
STOP_TIMEOUT_S = 20
END_BYTES, END_LINES = 8_192, 5
FRAME = re.compile(r'\s*$|\s+(at \S+ \(|at /|File ").*')
WATCHDOG = """
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(read -r _ <&3; kill -"$0" "$child") &
wait "$child"
status=$?
trap '' TERM
kill -TERM 0
exit "$status"
"""


@dataclass(frozen=True, slots=True)
class Child:
    """`log` is named after it."""

    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    ready: Callable[[], bool] = lambda: True,
    signal: str = "TERM",
    keep: Sequence[int] = (),
) -> Iterator[Child]:
    """A server. Its log begins anew, the one before is kept beside it."""
    if log.exists():
        log.replace(log.with_name(f"{log.name}.old"))
    with (
        log.open("ab") as out,
        watched(command, out=out, env=env, signal=signal, keep=keep) as process,
    ):
        until(lambda: process.poll() is not None or ready(), START_TIMEOUT_S)
        if process.poll() is not None or not ready():
            raise Misconfigured(f"{log.stem} did not start", remedy=last_words(log))
        yield Child(log, process)


@contextmanager
def watched(
    command: Sequence[str | Path],
    *,
    out: IO[bytes],
    env: Mapping[str, str],
    cwd: Path | None = None,
    signal: str = "TERM",
    keep: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """`signal` ends it; it inherits the file descriptors `keep`, which must be above 3."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", WATCHDOG, signal, *map(str, command)],
        cwd=cwd,
        stdin=PIPE,
        stdout=out,
        stderr=out,
        env=env,
        start_new_session=True,  # Ctrl-C is for us alone
        pass_fds=keep,
    )
    try:
        yield process
    finally:
        _stop(process)


def until(done: Callable[[], bool], timeout_s: float, *, every_s: float = POLL_S) -> bool:
    deadline = time.monotonic() + timeout_s
    while not (so := done()) and time.monotonic() < deadline:
        time.sleep(every_s)
    return so


def until_one_ends(children: Sequence[Child]) -> NoReturn:
    """Misconfigured with its last words, as soon as one of them is no more."""
    ended: list[Child] = []

    def look() -> bool:
        ended.extend(child for child in children if child.process.poll() is not None)
        return bool(ended)

    until(look, float("inf"), every_s=WATCH_S)
    log, status = ended[0].log, ended[0].process.returncode
    raise Misconfigured(f"{log.stem} ended with status {status}", remedy=last_words(log))


def last_words(log: Path) -> str:
    """The last lines of a log, without stack frames; of a JSON line only what it says."""
    lines = log.read_bytes()[-END_BYTES:].decode(errors="replace").splitlines()
    said = [_said(line) for line in lines if not FRAME.match(line)][-END_LINES:]
    return "\n  ".join([f"{log} ends with:" if said else f"{log} is empty", *said])


def _said(line: str) -> str:
    with suppress(ValueError, TypeError, KeyError):
        told = json.loads(line)
        return " ".join([told["message"], *told.get("exc_info", "").splitlines()[-1:]])
    return line


def ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask through the pipe; after a while, and if its `sh` was killed, kill the whole session."""
    ask_to_stop(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError, PermissionError):  # macOS: of the dead
        os.killpg(process.pid, 9)
    process.wait()
