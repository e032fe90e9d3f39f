"""Dockerfile, its stages read and built as plain processes under a folder of the test's own."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
OF_THE_IMAGE = re.compile(r"(?<![\w./])/(?=(?:build|opt|n8n)\b)")
Instead = Mapping[str, Callable[[Path], None]]


@dataclass(frozen=True, slots=True)
class Stage:
    """`steps` are (instruction, the rest of its line)."""

    name: str
    base: str
    steps: list[tuple[str, str]]

    def all(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.steps if word == instruction]


def stages() -> dict[str, Stage]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: dict[str, Stage] = {}
    stage = Stage("", "", [])
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = found[name] = Stage(name, base, [])
        elif word:
            stage.steps.append((word, rest.strip()))
    return found


def context() -> list[str]:
    """The files of the repository that .dockerignore lets through."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    return [path for path in listed.stdout.splitlines() if not ignored(path)]


def ignored(path: str) -> bool:
    """The last line that fits the path, or a folder above it, decides."""
    above = [path, *map(str, PurePosixPath(path).parents)][:-1]
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?")
            fits = re.compile(pattern.replace(r"\*", "[^/]*"))
            if any(fits.fullmatch(one) for one in above):
                verdict = not line.startswith("!")
    return verdict


def build(stage: Stage, root: Path, env: Mapping[str, str], instead: Instead | None = None) -> None:
    """`instead` has what is done in place of a RUN line. Absolute paths lie under `root`."""
    folder, env = root, dict(env)
    for word, rest in stage.steps:
        match word:
            case "WORKDIR":
                folder = root / rest.removeprefix("/")
                folder.mkdir(parents=True, exist_ok=True)
            case "ENV":
                env |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            case "COPY":
                copy(rest, folder)
            case "RUN" if rest in (instead or {}):
                (instead or {})[rest](folder)
            case "RUN":
                run(rest, root, folder, env)
            case _:
                raise AssertionError(f"{stage.name}: {word} cannot be done by a plain process")


def copy(rest: str, folder: Path) -> None:
    """As COPY does: of a folder, what is in it."""
    *sources, target = rest.split()
    for source in sources:
        files = [path for path in context() if path == source or path.startswith(f"{source}/")]
        assert files, f"COPY {rest}: {source} is not in the build context"
        for path in files:
            inner = Path(path).relative_to(source) if path != source else Path(path).name
            to = folder / target / inner
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, to)


def run(line: str, root: Path, folder: Path, env: Mapping[str, str]) -> None:
    moved = OF_THE_IMAGE.sub(f"{root}/", line)
    done = subprocess.run(
        ["sh", "-c", moved], cwd=folder, env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"RUN {moved}\n{done.stdout}\n{done.stderr}"
