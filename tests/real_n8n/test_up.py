"""`make up` with a real n8n, killed and changed; what it does next is what a user would want."""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import pytest
from client import N8n
from down import is_up
from example import ENRICH_LEAD
from lock import holders
from n8n import free_port
from rest import Rest

from sidecar.extras.children import until

ROOT = Path(__file__).parents[2]
NAME = "n8n-nodes-agentrt"
START_S = 180
STOP_S = 25


@dataclass
class Clone:
    """A clone with our packages, whose sources a test may change, and its data folder."""

    root: Path
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))

    def __post_init__(self) -> None:
        outside = shutil.ignore_patterns("node_modules", "dist")
        shutil.copytree(ROOT / NAME, self.root / NAME, ignore=outside)
        (self.root / ".n8n").mkdir()
        for name in ("sidecar", "tests", f"{NAME}/node_modules", ".n8n/node_modules"):
            (self.root / name).symlink_to(ROOT / name)

    @property
    def data(self) -> Path:
        return self.root / ".agentrt"

    def start(self, **more: str) -> "Popen[str]":
        """In a process group of its own, beneath a `sh` as beneath `make`."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTRT_", "OPENAI_"))}
        sidecar, n8n = map(str, self.ports)
        env |= {"AGENTRT_PORT": sidecar, "N8N_PORT": n8n, "MAKELEVEL": "1"} | more
        script = f"{sys.executable} {self.root / NAME / 'dev' / 'up.py'}; exit $?"
        return Popen(
            ["/bin/sh", "-c", script],
            cwd=self.root,
            env=env,
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
            start_new_session=True,
        )

    def upped_until(self, line: str, **more: str) -> tuple["Popen[str]", str]:
        """What it said up to that line; it may not end before."""
        child, said = self.start(**more), ""
        assert child.stdout
        for text in child.stdout:
            said += text
            if line in text:
                return child, said
        raise AssertionError(said)

    def upped_once(self) -> str:
        child = self.start(ONCE="1")
        said, _ = child.communicate(timeout=START_S)
        assert child.returncode == 0 and "verdict: identical" in said, said
        return said

    def is_gone(self) -> bool:
        return until(lambda: not is_up(self.data), STOP_S)

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.root / NAME / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    with tempfile.TemporaryDirectory(prefix="agentrt-up-", dir="/tmp") as folder:
        made = Clone(Path(folder) / "c")
        yield made
        assert made.is_gone()


@pytest.mark.usefixtures("running")  # n8n is installed by it
def test_a_first_run_killed_between_credential_and_workflow_is_ended_by_the_next(
    clone: Clone,
) -> None:
    child, _ = clone.upped_until("n8n: importing workflow", ONCE="1")
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    said = clone.upped_once()
    assert "importing credentials" not in said and "Node package: building" not in said, said
    assert "importing workflow" in said


def test_ports_sources_examples_and_lost_keys_are_taken_over_and_a_death_is_named(
    clone: Clone,
) -> None:
    clone.ports = (free_port(), free_port())
    for lost in ("key", "secret", "n8n-owner.json", "n8n-key"):
        (clone.data / lost).unlink()
    (clone.data / "n8n" / ".n8n" / "config").write_text('{"encr')
    was, becomes = "Makes this workflow a tool", "Makes of this workflow a tool"
    clone.replace("nodes/AgentToolTrigger/AgentToolTrigger.node.ts", was, becomes)
    clone.replace("dev/workflows/enrich-lead.json", '"name": "Enrich lead"', '"name": "Enriched"')
    child, said = clone.upped_until("Everything stays up")
    assert "verdict: identical" in said, said
    n8n_url = f"http://127.0.0.1:{clone.ports[1]}"
    n8n = N8n(n8n_url, json.loads((clone.data / "n8n-owner.json").read_text()))
    assert n8n.rest.get(f"/rest/workflows/{ENRICH_LEAD}")["data"]["name"] == "Enriched"
    types = n8n.rest.get("/types/nodes.json")
    assert any(one["description"].startswith(becomes) for one in types)
    key = (clone.data / "key").read_text()
    sidecar = Rest(f"http://127.0.0.1:{clone.ports[0]}", authorization=f"Bearer {key}")
    assert sidecar.get("/v1/tools/enrich")["config"]["url"].startswith(n8n_url)
    # The example goes to the archive, and n8n dies.
    n8n.rest.must("POST", f"/rest/workflows/{ENRICH_LEAD}/archive", {})
    os.kill(n8n_process(clone.data), signal.SIGKILL)
    said, _ = child.communicate(timeout=STOP_S)
    assert child.returncode == 1 and "n8n ended with status 137" in said, said
    assert clone.is_gone()


def test_only_what_is_missing_is_done_and_nothing_outlives_a_killed_make(clone: Clone) -> None:
    child, said = clone.upped_until("n8n: starting")
    assert "importing workflow" in said
    assert not any(word in said for word in ("credentials", "building", "installing")), said
    child.kill()
    child.communicate(timeout=STOP_S)
    assert clone.is_gone()


def n8n_process(data: Path) -> int:
    def is_n8n(pid: int) -> bool:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return words[0].endswith(b"node") and words[-2:-1] == [b"start"]

    (found,) = filter(is_n8n, holders(data / "children.lock"))
    return found
