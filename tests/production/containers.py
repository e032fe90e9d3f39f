"""Services of docker-compose.yml as plain processes: their own command, environment and check."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any

from sidecar.extras.children import until
from tests.house.processes import Process
from tests.production.composefile import Service

PORTS = {"postgres": 5432, "redis": 6379, "sidecar": 8700, "n8n": 5678}


def placed(environment: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    """With the services' names and ports as they are on this machine; all else stays."""
    made = dict(environment)
    for service, port in ports.items():
        usual = str(PORTS[service])
        for name, value in made.items():
            value = value.replace(f"{service}:{usual}", f"127.0.0.1:{port}")
            if name.endswith("HOST") and value == service:
                value = "127.0.0.1"
            if name.endswith("PORT") and value == usual:
                value = str(port)
            made[name] = value
    return made


@dataclass
class Container:
    """`entrypoint` and `image` (its environment) are the image's; `own` is the service's."""

    service: Service
    entrypoint: list[str]
    image: Mapping[str, str]
    own: Mapping[str, str]
    folder: Path
    process: Any = None
    cwd: Path = Path()

    @property
    def env(self) -> dict[str, str]:
        return {**self.image, **self.own}

    @property
    def command(self) -> list[str]:
        return [*(self.service.entrypoint or self.entrypoint), *self.service.command]

    def start(self) -> "Container":
        """In an empty folder."""
        self.cwd = Path(tempfile.mkdtemp(prefix=f"{self.service.name}-", dir=self.folder))
        log = self.cwd.with_suffix(".log")
        with log.open("wb") as out:
            child = subprocess.Popen(
                self.command, cwd=self.cwd, env=self.env, stdout=out, stderr=out
            )
        self.process = Process(child, log, f"http://127.0.0.1:{self.own.get('AGENTRT_PORT', '')}")
        return self

    def is_healthy(self) -> bool:
        kind, *test = self.service.test
        command = test if kind == "CMD" else ["sh", "-c", *test]
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, timeout=60
        )
        return done.returncode == 0

    def becomes(self, *, healthy: bool) -> bool:
        return until(lambda: self.is_healthy() is healthy, max(self.service.start_period_s, 60))

    def up(self) -> "Container":
        """Once it is healthy; one that died instead fails the test with its last words."""
        until(lambda: self.process.child.poll() is not None or self.is_healthy(), 180)
        assert self.process.child.poll() is None, self.process.said()
        assert self.is_healthy(), self.process.said()
        return self

    def stop(self) -> int:
        """The exit status of a SIGTERM; one that takes longer than its grace is killed."""
        self.process.child.terminate()
        try:
            return self.process.child.wait(self.service.stop_grace_period_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return -SIGKILL

    def kill(self) -> None:
        if self.process and self.process.child.poll() is None:
            self.process.kill()


def builder(folder: Path) -> dict[str, str]:
    """The environment of the image that the wheel is built in: its own Python, with pip."""
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", folder], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
