"""The house keeps its shape: size, floors, folders, and nothing of anybody's machine."""

import ast
import io
import re
import shutil
import statistics
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SIDECAR = ROOT / "sidecar"
FOLDERS = {"sidecar", "n8n-nodes-agentrt", "schemas", "tests", "docs"}
LAYOUT = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)
# Paths of somebody's machine and hosts of somebody's mirror; tests may write below /tmp.
PRIVATE = re.compile(
    r"/(?:home|root|work|Users)/\w|https?://[\w.-]*(?:mirror|artifact|nexus|proxy)"
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sidecar as `ruff format --line-length 100` leaves it."""
    made = tmp_path_factory.mktemp("copy") / "sidecar"
    shutil.copytree(SIDECAR, made, ignore=shutil.ignore_patterns("__pycache__"))
    ruff = Path(sys.executable).with_name("ruff")
    subprocess.run([ruff, "format", "-q", "--line-length", "100", made], check=True)
    return made


def documented(tree: ast.Module) -> set[int]:
    """The lines of docstrings."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node) is not None:
            first = node.body[0]
            lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def code_lines(path: Path) -> int:
    source = path.read_text()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    spans = [range(t.start[0], t.end[0] + 1) for t in tokens if t.type not in LAYOUT]
    return len({line for span in spans for line in span} - documented(ast.parse(source)))


def sizes(copy: Path) -> dict[str, int]:
    return {str(path.relative_to(copy)): code_lines(path) for path in copy.rglob("*.py")}


def test_the_runtime_and_its_extras_stay_small(copy: Path) -> None:
    counted = sizes(copy)
    extras = sum(size for name, size in counted.items() if name.startswith("extras/"))
    runtime = sum(counted.values()) - extras
    assert runtime < 2_000 and extras < 1_000
    assert max(counted.values()) <= 150, max(counted, key=lambda name: counted[name])
    figures = f"runtime: {runtime} code lines, extras: {extras}"
    assert figures in (ROOT / "README.md").read_text(), figures


def test_functions_are_short(copy: Path) -> None:
    trees = [ast.parse(path.read_text()) for path in copy.rglob("*.py")]
    functions = [
        (node.end_lineno or 0) - node.lineno + 1
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert statistics.median(functions) <= 8 and max(functions) <= 50


def test_sql_stays_small() -> None:
    lines = [line for path in SIDECAR.rglob("*.sql") for line in path.read_text().splitlines()]
    assert len([line for line in lines if line.strip() and not line.startswith("--")]) < 700


def test_every_file_says_its_one_job() -> None:
    for path in SIDECAR.rglob("*.py"):
        if path.name != "__init__.py":
            told = ast.get_docstring(ast.parse(path.read_text()))
            assert told and len(told.splitlines()[0]) > 20, path


def test_nothing_catches_everything() -> None:
    for path in SIDECAR.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "BaseException"
                assert not re.search(r"\b(?:Base)?Exception\b", caught), (path, node.lineno)


def test_there_are_no_other_folders() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}
    assert {name for name in tops if not name.startswith(".")} <= FOLDERS


def test_nothing_names_a_machine_or_a_mirror() -> None:
    for path in tracked():
        if path.suffix in (".png", ".svg") or path == Path(__file__):
            continue
        found = PRIVATE.search(path.read_text())
        assert found is None, (path, found)
    locks = [path for path in tracked() if path.name in ("package-lock.json", "requirements.lock")]
    assert len(locks) == 3
    for lock in locks:
        assert '"resolved"' not in lock.read_text() and "--index" not in lock.read_text(), lock


def test_imports_go_down_only() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-logo"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
