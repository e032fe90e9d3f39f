"""What the terminal shows, and the one error whose text is for the person in front of it."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

SHOW_EVERY_S = 15
END_LINES = 15


class Failed(Exception):
    """Its message says what happened and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


def run(
    what: str, command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], remedy: str
) -> None:
    """A long step: announced, its time shown as it passes, its output only when it fails."""
    say(f"{what} ...")
    start = time.monotonic()
    with TemporaryFile() as output:
        child = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            while _still_running(child):
                say(f"  ... {time.monotonic() - start:.0f} s")
        finally:
            child.kill()
        if child.returncode != 0:
            output.seek(0)
            sys.stderr.write(_ends(output.read()))
            raise Failed(f"{what}: failed, for the reason above. {remedy}")


def _still_running(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(SHOW_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _ends(output: bytes) -> str:
    """Where reasons stand: some commands put theirs first, and help after it."""
    lines = output.decode(errors="replace").splitlines(keepends=True)
    if len(lines) <= 2 * END_LINES:
        return "".join(lines)
    return "".join([*lines[:END_LINES], "...\n", *lines[-END_LINES:]])
