"""Child processes on free ports; each writes its standard error to a file of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

STOP_TIMEOUT_S = 25
KEPT = ("PATH", "PYTHONPATH")  # of our own environment; all else is said by the test


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True, slots=True)
class Process:
    """`url` is empty for a process that serves no HTTP."""

    child: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def signal(self, number: Signals) -> None:
        self.child.send_signal(number)

    def kill(self) -> None:
        """`kill -9`; safe to repeat."""
        self.signal(SIGKILL)
        self.child.wait()

    def stop(self) -> int:
        """SIGTERM and its exit status; safe to repeat. One that will not stop is killed."""
        self.signal(SIGTERM)
        try:
            return self.child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def said(self) -> str:
        return self.log.read_text()


def start(arguments: list[str], folder: Path, *, env: Mapping[str, str], url: str = "") -> Process:
    """`python <arguments>` with warnings as errors."""
    own = {name: os.environ[name] for name in KEPT if name in os.environ}
    log = folder / f"{'-'.join(arguments[1:3])}-{len(list(folder.iterdir()))}.log"
    command = [sys.executable, "-W", "error", *arguments]
    with log.open("wb") as out:
        child = subprocess.Popen(command, env={**own, **env}, stdout=out, stderr=out)
    return Process(child, log, url)
