"""Files that say who is at work in a folder, and of what a thing was made.

A lock is let go by the kernel when the last process that has it is gone, so none is ever stale:
children that inherit it hold it for as long as they live, whoever killed their parent.
"""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from progress import say

FIRST_FREE_FD = 10  # the watchdog of a child needs some below


@contextmanager
def locked(path: Path, *, waiting_for: str) -> Iterator[int]:
    """Alone with that file; so are children that are given the descriptor to keep."""
    with path.open("rb") as file, inheritable(file) as lock:
        if not try_lock(lock):
            say(f"Waiting for another process: {waiting_for} ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


@contextmanager
def inheritable(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The same open file under a number that children can keep."""
    with open(fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_FD), file.mode) as lock:
        yield lock


def try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return not try_lock(file)


def holders(path: Path) -> set[int]:
    """The processes that have the file open, as far as we may know."""
    proc, found = Path("/proc"), set[int]()
    if not proc.joinpath("self", "fd").is_dir():
        listed = subprocess.run(["lsof", "-t", path], capture_output=True, text=True)
        return {int(pid) for pid in listed.stdout.split()}
    for link in proc.glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if os.readlink(link) == str(path.resolve()):
                found.add(int(link.parts[2]))
    return found


def digest(*parts: Path | str) -> str:
    """Of the files' contents and of the texts."""
    contents = [part.read_bytes() if isinstance(part, Path) else part.encode() for part in parts]
    return hashlib.sha256(b"\0".join(contents)).hexdigest()


def is_stamped(marker: Path, stamp: str) -> bool:
    """Whether the step that writes this marker last was done whole, with the same input."""
    return marker.exists() and marker.read_text() == stamp
