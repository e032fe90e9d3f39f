"""Makes the mistakes of this folder, one patch at a time: the tests that a patch names must fail.

A patch begins with a sentence that says what it breaks, and with `Tests:`, files or single tests.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Any

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
COPIED = ("sidecar", "tests", "pyproject.toml")
AT_ONCE = 2
TEST_TIMEOUT_S, STOP_TIMEOUT_S = 600, 30
QUIET = ("-x", "-q", "-p", "no:cacheprovider", "--tb=short", "--color=no")


@dataclass(frozen=True, slots=True)
class Mutant:
    """`patch` is empty for the code as it is."""

    name: str
    says: str
    tests: tuple[str, ...]
    patch: str


@dataclass(frozen=True, slots=True)
class Verdict:
    mutant: Mutant
    good: bool
    word: str
    took_s: float = 0


def read(path: Path) -> Mutant:
    """ValueError names a patch without its first two lines."""
    text = path.read_text()
    says, named, *_ = [*text.splitlines(), "", ""]
    word, *tests = named.split() or [""]
    if not says or word != "Tests:" or not tests:
        raise ValueError(f"{path.name}: write a sentence, then `Tests: tests/test_….py`")
    return Mutant(path.stem, says, tuple(tests), text)


def mutants(names: Iterable[str] = ()) -> list[Mutant]:
    """Those of the folder, or those of these names; FileNotFoundError for one that is not there."""
    paths = [FOLDER / f"{name}.patch" for name in names] or sorted(FOLDER.glob("*.patch"))
    return [read(path) for path in paths]


def applied(mutant: Mutant, folder: Path, *more: str) -> str:
    """What git has against it; empty when the patch is in."""
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = ["git", "apply", *more, "-"]
    text: Any = {"input": mutant.patch, "capture_output": True, "text": True}
    done = subprocess.run(command, cwd=folder, env=env, **text)
    return done.stderr.strip() if done.returncode else ""


def copy_to(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder)
        else:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)


def tested(folder: Path, tests: Iterable[str]) -> tuple[int, str]:
    """pytest's exit status, and what it said."""
    command = [sys.executable, "-m", "pytest", *QUIET, *tests]
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    out: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=folder, env=env, **out) as child:
        try:
            said = child.communicate(timeout=TEST_TIMEOUT_S)[0]
        except subprocess.TimeoutExpired:
            said = stopped(child) + f"\nnot done within {TEST_TIMEOUT_S} s"
    return child.returncode, said


def stopped(child: subprocess.Popen[str]) -> str:
    """Ctrl-C: pytest ends what the tests have started."""
    child.send_signal(SIGINT)
    try:
        return child.communicate(timeout=STOP_TIMEOUT_S)[0]
    except subprocess.TimeoutExpired:
        child.kill()
        return child.communicate()[0]


def tried(mutant: Mutant) -> Verdict:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        copy_to(Path(name))
        if mutant.patch and (against := applied(mutant, Path(name))):
            return Verdict(mutant, False, f"DOES NOT APPLY any more; make it again:\n{against}")
        good, word = judged(mutant, *tested(Path(name), mutant.tests))
    return Verdict(mutant, good, word, time.monotonic() - begun)


def judged(mutant: Mutant, status: int, said: str) -> tuple[bool, str]:
    """A test has to fail: one that cannot even begin proves nothing."""
    failed = [line.partition(" - ")[0] for line in said.splitlines() if line.startswith("FAILED ")]
    if not mutant.patch:
        return status == 0, "green" if status == 0 else f"RED, with nothing patched:\n{said}"
    if status == 0:
        return False, "SURVIVED: write the test that it breaks"
    if status == 1 and failed:
        return True, f"killed by {failed[0].removeprefix('FAILED tests/')}"
    return False, f"BROKEN: no test failed, pytest ended with {status}:\n{said}"


def main(names: list[str]) -> int:
    """The code as it is goes first: where it is red, a red test says nothing of a patch."""
    chosen, begun = mutants(names), time.monotonic()
    everything = tuple(dict.fromkeys(test for mutant in chosen for test in mutant.tests))
    unpatched = Mutant("(nothing patched)", "", everything, "")
    survivors = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for verdict in pool.map(tried, [unpatched, *chosen]):
            told = f"{verdict.mutant.name:28} {verdict.took_s:4.0f} s  {verdict.word}"
            print(told, flush=True)
            survivors += not verdict.good
            if verdict.mutant is unpatched and survivors:
                pool.shutdown(cancel_futures=True)
                return 1
    print(f"{len(chosen)} mutants, {survivors} not killed, {time.monotonic() - begun:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
