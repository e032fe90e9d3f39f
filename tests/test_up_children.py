"""Children, locks and steps: what is killed leaves nothing, and says what it said last."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lock import holders, inheritable, is_locked
from progress import NO_SPACE, Failed, run

from sidecar.errors import Misconfigured
from sidecar.extras.children import last_words, running, until

ENV = {"PATH": os.environ["PATH"]}
GONE_S = 10
# One that runs, another that it left running; both have the lock.
TWO = ["sh", "-c", "sleep 600 & sleep 600"]
HOLDING = """
import sys
from pathlib import Path
from lock import locked
from progress import run
with locked(Path(sys.argv[1]), waiting_for="the test") as lock:
    step = ["sh", "-c", "sleep 600 & sleep 600"]
    run("A step", step, cwd=Path("."), env={}, remedy="", keep=[lock])
"""
FRAMES = """    at Start.init (/n8n/src/start.ts:221:3)
    at /n8n/bin/n8n:63:2"""
JSON = json.dumps({"message": "beat fails", "exc_info": "Traceback\nOSError: away"})
LAST_WORDS = [
    # plain lines are said as they are, the last five
    ("one\ntwo\nthree\nfour\nfive\nsix\n", ["two", "three", "four", "five", "six"]),
    # of JSON lines only the message, and the name of the error behind it
    (JSON, ["beat fails OSError: away"]),
    # JSON that is no log line
    ('["beat"]\n12\n', ['["beat"]', "12"]),
    # stack frames hide the reason
    (f"Error: no key\n{FRAMES}\n", ["Error: no key"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), LAST_WORDS)
def test_last_words_are_what_a_person_can_use(tmp_path: Path, text: str, said: list[str]) -> None:
    log = tmp_path / "part.log"
    log.write_text(text)
    assert last_words(log).splitlines() == [f"{log} ends with:", *(f"  {line}" for line in said)]


def test_a_log_begins_anew_and_the_one_before_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    for text in ("first", "second", "third"):
        with running(["sh", "-c", f"echo {text}; sleep 600"], log=log, env=ENV):
            assert until(lambda wanted=text: log.read_text() == f"{wanted}\n", GONE_S)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.log", "part.log.old"]
    assert (tmp_path / "part.log.old").read_text().startswith("second\n")


def test_a_failed_start_says_why(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo no licence >&2; exit 3"]
    start = running(command, log=tmp_path / "part.log", env=ENV, ready=lambda: False)
    with pytest.raises(Misconfigured, match=r"part did not start(.|\n)*no licence"), start:
        pass


def test_a_child_and_what_it_left_running_end_with_its_watchdog(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    with (tmp_path / "lock").open("rb") as file, inheritable(file) as lock:
        with running(TWO, log=tmp_path / "part.log", env=ENV, keep=[lock.fileno()]) as child:
            assert until(lambda: len(holders(tmp_path / "lock")) > 3, GONE_S)
            os.kill(child.process.pid, signal.SIGKILL)
        assert until(lambda: holders(tmp_path / "lock") == {os.getpid()}, GONE_S)


def test_a_step_dies_with_who_ran_it_and_the_next_waits_for_that(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    dev = Path(sys.modules["progress"].__file__ or "").parent
    env = {**os.environ, "PYTHONPATH": f"{dev}"}
    one = subprocess.Popen([sys.executable, "-c", HOLDING, tmp_path / "lock"], env=env)
    assert until(lambda: len(holders(tmp_path / "lock")) > 3, GONE_S)
    one.kill()
    one.wait()
    assert until(lambda: not is_locked(tmp_path / "lock"), GONE_S)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
def test_a_full_disk_is_called_one(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["dd", "if=/dev/zero", "of=/dev/full", "bs=1", "count=1"]
    with pytest.raises(Failed) as failed:
        run("Writing", command, cwd=Path("/"), env=ENV, remedy="No network?")
    assert str(failed.value).endswith(NO_SPACE)
    assert "No space left on device" in capsys.readouterr().err
