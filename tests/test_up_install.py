"""The installs of `make up`: killed, moved, changed; each is whole at the next `make`."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import npm
import pytest
from down import only_one
from lock import is_locked
from progress import Failed

from sidecar.extras.children import until

ROOT = Path(__file__).parents[1]
DEV = Path("n8n-nodes-agentrt") / "dev"
OF_THE_LOCK = ("idna", "setuptools")  # small, and the build backend
SECONDS = 60


class Clone:
    """A clone whose lock has only what the environment cannot do without."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / DEV, root / DEV)
        for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copyfile(ROOT / name, root / name)
        shutil.copytree(ROOT / "sidecar", root / "sidecar")
        locked = (ROOT / "requirements.lock").read_text()
        wanted = [part(locked, name) for name in OF_THE_LOCK]
        (root / "requirements.lock").write_text("".join(wanted))
        # Node is large, and only linked to.
        script = root / DEV / "venv.py"
        script.write_text(script.read_text().replace("    _link_node(venv)\n", ""))

    def make(self, **env: str) -> "Popen[str]":
        """`make venv`, of which `venv.py` is all."""
        command = ["make", "--no-print-directory", "venv"]
        unset = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        return Popen(
            command,
            cwd=self.root,
            env=unset | env,
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
            start_new_session=True,
        )

    def made(self, **env: str) -> str:
        child = self.make(**env)
        said, _ = child.communicate(timeout=SECONDS)
        assert child.returncode == 0, said
        return said

    def imports_itself(self) -> bool:
        ask = [".venv/bin/python", "-c", "import idna, sidecar; print(sidecar.__file__)"]
        ask[0] = str(self.root / ask[0])
        found = subprocess.run(ask, cwd="/", capture_output=True, text=True)
        return found.stdout.strip() == str(self.root / "sidecar" / "__init__.py")


def part(locked: str, name: str) -> str:
    """One package of the lock, with its hashes."""
    found = re.search(rf"^{name}==.*(?:\n[ \t].*)*\n", locked, flags=re.MULTILINE)
    assert found, name
    return found.group()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    yield Clone(tmp_path_factory.mktemp("clone") / "agentrt")


@pytest.mark.parametrize("moment", ["Python: making", "Python packages"])
def test_an_environment_that_was_cut_off_is_made_again(clone: Clone, moment: str) -> None:
    child = clone.make()
    assert child.stdout
    assert any(moment in line for line in child.stdout)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    assert not (clone.root / ".venv" / ".installed").exists()


def test_the_next_one_ends_well_and_the_one_after_has_nothing_to_do(clone: Clone) -> None:
    assert "agentrt: installing" in clone.made()
    assert clone.imports_itself()
    assert clone.made() == ""


def test_only_what_changed_is_installed_again(clone: Clone) -> None:
    project = clone.root / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "', 'version = "9.'))
    assert clone.made() == "agentrt: installing ...\n"
    lock = clone.root / "requirements.lock"
    os.utime(lock)  # as a checkout does
    assert clone.made() == ""


def test_a_clone_that_was_moved_runs_its_own_code(clone: Clone) -> None:
    before, after = clone.root, clone.root.with_name("moved")
    before.rename(after)
    clone.root = after
    assert "Python: making" in clone.made()
    assert clone.imports_itself()


def test_without_an_index_it_says_so_and_what_runs_here_is_not_replaced(clone: Clone) -> None:
    lock = clone.root / "requirements.lock"
    lock.write_text(lock.read_text() + "# upgraded\n")
    with only_one(clone.root / ".agentrt"):
        child = clone.make()
        said, _ = child.communicate(timeout=SECONDS)
    assert child.returncode and "make down" in said, said
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0", "PIP_FIND_LINKS": ""}
    child = clone.make(**nowhere, PIP_CACHE_DIR=str(clone.root / "cache"))
    said, _ = child.communicate(timeout=SECONDS)
    assert child.returncode and "No network: check that the package index answers" in said, said


def test_a_second_make_up_is_refused_and_a_killed_ones_children_are_named(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from down import only_one\n"
    script += "with only_one(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    env = {**os.environ, "PYTHONPATH": str(ROOT / DEV)}
    command = [sys.executable, "-c", script, tmp_path]
    with Popen(command, env=env, stdin=PIPE, stdout=PIPE, text=True) as first:
        assert first.stdout and first.stdout.readline() == "in\n"
        with pytest.raises(Failed, match=r"already running here\. Stop it first: make down"):
            only_one(tmp_path).__enter__()
        first.kill()
    with only_one(tmp_path) as lock:
        orphan = Popen(["sleep", "600"], pass_fds=[lock])
    assert is_locked(tmp_path / "children.lock")
    down = [sys.executable, str(ROOT / DEV / "down.py")]
    said = subprocess.run(
        down, env=env | {"AGENTRT_DATA": str(tmp_path)}, capture_output=True, text=True
    )
    assert said.stdout == "Stopped.\n" and orphan.wait() == -signal.SIGTERM, said


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose lock has one package, which lies beside it."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "one").mkdir()
    (folder / "one" / "package.json").write_text(json.dumps({"name": "one", "version": "1.0.0"}))
    wanted = {"name": "all", "version": "1.0.0", "dependencies": {"one": "file:one"}}
    (folder / "package.json").write_text(json.dumps(wanted))
    npm.npm("Lock", "install", "--package-lock-only", cwd=folder, remedy="")
    return folder


def installed(folder: Path) -> bool:
    return (folder / "node_modules" / "one" / "package.json").exists()


def test_packages_are_installed_once_and_again_for_another_lock_or_half_an_install(
    packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = packages / "node_modules" / ".installed"
    npm.install(packages, what="Packages")
    assert installed(packages) and "installing" in capsys.readouterr().out
    npm.install(packages, what="Packages")
    assert capsys.readouterr().out == ""
    for breaking in (marker.unlink, lambda: marker.write_text(""), lambda: lock_anew(packages)):
        (packages / "node_modules" / "one").unlink()  # npm links to what lies beside
        breaking()
        npm.install(packages, what="Packages")
        assert installed(packages) and "installing" in capsys.readouterr().out


def lock_anew(folder: Path) -> None:
    lock = folder / "package-lock.json"
    lock.write_text(lock.read_text() + "\n")


def test_without_a_registry_it_says_so_at_once(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (packages / "node_modules" / ".installed").unlink()
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(Failed, match="No network"):
        npm.install(packages, what="Packages")
    assert until(lambda: not is_locked(packages / "package-lock.json"), 1)
