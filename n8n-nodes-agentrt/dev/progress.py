"""What the terminal shows, and the one error whose text is for the person in front of it."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from sidecar.extras.children import watched

SHOW_EVERY_S = 15
END_LINES = 15
DISK_FULL = ("ENOSPC", "No space left on device", "Check free disk space")
NO_SPACE = (
    "The disk is full: all of it together needs 5 GB, and the temporary folder some more. "
    "Make room, and say it again: what is done is kept."
)


class Failed(Exception):
    """Its message says what happened and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


def run(
    what: str,
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    remedy: str,
    keep: Sequence[int] = (),
) -> None:
    """A long step: announced, its time shown as it passes, its output only when it fails.

    It dies with us, at once. Until then it has the locks `keep`, too.
    """
    say(f"{what} ...")
    start = time.monotonic()
    with TemporaryFile() as output:
        with watched(command, out=output, env=env, cwd=cwd, signal="KILL", keep=keep) as process:
            while _still_running(process):
                say(f"  ... {time.monotonic() - start:.0f} s")
        if process.returncode != 0:
            output.seek(0)
            reason = output.read().decode(errors="replace")
            sys.stderr.write(_ends(reason))
            remedy = NO_SPACE if is_full(reason) else remedy
            raise Failed(f"{what}: failed, for the reason above. {remedy}")


def is_full(reason: str) -> bool:
    return any(word in reason for word in DISK_FULL)


def _still_running(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(SHOW_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _ends(output: str) -> str:
    """Where reasons stand: some commands put theirs first, and help after it."""
    lines = output.splitlines(keepends=True)
    if len(lines) <= 2 * END_LINES:
        return "".join(lines)
    return "".join([*lines[:END_LINES], "...\n", *lines[-END_LINES:]])
