"""`agentrt up`, broken in every way at hand: it says why it ends, and the next one works."""

import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import psycopg2
import pytest
from down import is_up
from lock import holders, is_locked
from rest import Rest

from sidecar.errors import Misconfigured
from sidecar.extras.children import until
from sidecar.extras.up import kept
from tests.house.processes import KEPT, free_port

START_S = 30
STOP_S = 25


@dataclass
class Upped:
    data: Path
    rest: Rest
    child: "Popen[str] | None" = None

    def start(self, **changes: str) -> "Popen[str]":
        own = {name: os.environ[name] for name in KEPT if name in os.environ}
        port = self.rest.base.rpartition(":")[2]
        env = own | {"AGENTRT_DATA": str(self.data), "AGENTRT_PORT": port} | changes
        command = [sys.executable, "-m", "sidecar", "up"]
        self.child = Popen(command, env=env, stdout=PIPE, stderr=STDOUT, text=True)
        return self.child

    def answers(self) -> bool:
        return self.rest.answers("/health")

    def works(self) -> bool:
        """A second `up` on what the first has left, at once."""
        child = self.start()
        assert until(lambda: self.answers() or child.poll() is not None, START_S)
        return child.poll() is None

    def ended(self, timeout_s: float = STOP_S) -> tuple[int, str]:
        assert self.child
        said, _ = self.child.communicate(timeout=timeout_s)
        return self.child.returncode, said

    def pid(self, of: str) -> int:
        """Of one of its parts: the newest process with such a command beneath it."""
        assert self.child
        return max(pid for pid in descendants(self.child.pid) if of in command(pid))


def descendants(pid: int) -> set[int]:
    found = {pid}
    parents = {int(one.name): parent(int(one.name)) for one in Path("/proc").glob("[0-9]*")}
    for _ in range(5):
        found |= {one for one, above in parents.items() if above in found}
    return found


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def command(pid: int) -> str:
    """Empty for the `sh` above it, whose command has ours inside."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return ""
    return "" if words[0] == "/bin/sh" else " ".join(words)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="agentrt-up-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def upped(folder: Path) -> Iterator[Upped]:
    """Not running yet; all tests have the same folder, as all breakings of a user do."""
    made = Upped(folder / "data", Rest(f"http://127.0.0.1:{free_port()}"))
    yield made
    if made.child and made.child.poll() is None:
        made.child.terminate()
        made.child.communicate(timeout=STOP_S)
    assert until(lambda: not is_up(made.data), STOP_S), holders(made.data / "lock")


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="parts are found in /proc")


@linux
@pytest.mark.parametrize("moment", ["pg.new/base", "pg/postmaster.pid"])
def test_one_killed_while_it_makes_its_database_is_no_hindrance(upped: Upped, moment: str) -> None:
    """While `initdb` works aside, and when its folder was just renamed."""
    shutil.rmtree(upped.data, ignore_errors=True)
    child = upped.start()
    assert until((upped.data / moment).exists, START_S, every_s=0.001)
    child.kill()
    upped.ended()
    assert upped.works()


@linux
@pytest.mark.parametrize("part", ["sidecar work", "postgres -D"])
def test_it_ends_when_a_part_is_killed_and_says_which(upped: Upped, part: str) -> None:
    assert upped.works()
    os.kill(upped.pid(part), signal.SIGKILL)
    status, said = upped.ended()
    name = part.removeprefix("sidecar ").partition(" ")[0]
    assert status == 1 and f"agentrt: {name} ended with status 137" in said, said


def test_it_obeys_sigterm_and_is_wholly_gone_then(upped: Upped) -> None:
    assert upped.works()
    assert upped.child
    upped.child.terminate()
    assert upped.ended() == (0, "")
    assert not is_locked(upped.data / "lock") and not upped.answers()


def test_killed_it_leaves_nothing_and_the_next_one_works_at_once(upped: Upped) -> None:
    assert upped.works()
    assert upped.child
    upped.child.kill()
    upped.ended()
    assert upped.works()


def test_the_reason_of_a_failed_start_is_said(upped: Upped) -> None:
    port = upped.rest.base.rpartition(":")[2]
    with socket.create_server(("127.0.0.1", int(port))):
        upped.start()
        status, said = upped.ended()
    assert status == 1 and "serve ended with status 1" in said, said
    assert f"('127.0.0.1', {port})" in said and "address already in use" in said, said


def test_a_broken_file_of_redis_costs_only_what_redis_may_lose(upped: Upped) -> None:
    broken = list((upped.data / "valkey" / "appendonlydir").glob("*.incr.aof"))
    assert broken
    broken[0].write_text("no such command\r\n")
    assert upped.works()


def test_a_database_of_another_postgres_is_told_so(upped: Upped) -> None:
    version = upped.data / "pg" / "PG_VERSION"
    kept_version = version.read_text()
    version.write_text("17\n")
    upped.start()
    status, said = upped.ended()
    version.write_text(kept_version)
    assert status == 1 and "initialized by PostgreSQL version 17" in said, said


def test_a_database_of_a_newer_agentrt_is_left_alone_and_told_so(upped: Upped) -> None:
    assert upped.works()
    connection = psycopg2.connect(host=upped.data / "pg", user="app", dbname="agentrt")
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("INSERT INTO migration VALUES (999)")
        assert upped.child
        upped.child.terminate()
        upped.ended()
    upped.start()
    status, said = upped.ended()
    assert status == 1 and " migrations, this agentrt knows " in said, said
    assert "Upgrade agentrt, or restore an older backup" in said


def test_a_key_is_made_once_and_again_when_it_was_lost_or_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "key"
    first = kept(file)
    assert len(first) > 40 and kept(file) == first
    file.unlink()
    second = kept(file)
    file.write_text("\n")  # a kill between the file and its content
    third = kept(file)
    assert len({first, second, third}) == 3
    file.write_text(f"{third}\n")  # an editor adds the end of the line
    file.chmod(0o644)
    assert kept(file) == third
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["two words", "one\ntwo", "sch\u00f6n", "\x00"])
def test_a_key_that_no_header_can_carry_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(Misconfigured, match="delete it: a new one is made"):
        kept(file)
