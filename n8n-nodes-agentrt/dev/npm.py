"""npm as the lock files want it, on the Node of the virtual environment.

`python npm.py FOLDER` installs what FOLDER/package-lock.json says, unless that is done already.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from lock import digest, is_stamped, locked
from progress import Failed, run, say

BIN = Path(sys.executable).parent
NO_NETWORK = (
    "No network? Check that the npm registry answers, and HTTPS_PROXY, NODE_EXTRA_CA_CERTS "
    "or your .npmrc."
)
# Scripts of dependencies fetch binaries from elsewhere and want compilers; nothing here needs them.
SETTINGS = {
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_ignore_scripts": "true",
    "npm_config_loglevel": "error",
    "npm_config_update_notifier": "false",
    "npm_config_yes": "true",
}


def environment() -> dict[str, str]:
    return {**os.environ, **SETTINGS, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def install_copy(source: Path, folder: Path, *, what: str) -> None:
    """The same, in another folder."""
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(source / name, folder / name)
    install(folder, what=what)


def install(folder: Path, *, what: str) -> None:
    """`npm ci`. The marker is written last: an install that was interrupted is done again."""
    with locked(folder / "package-lock.json", waiting_for=f"the packages of {folder}") as lock:
        marker = folder / "node_modules" / ".installed"
        stamp = digest(folder / "package-lock.json")
        if not is_stamped(marker, stamp):
            marker.unlink(missing_ok=True)
            # Asked first: without a network `npm ci` tries every package again for half an hour.
            ask = ("view", "npm", "version", "--fetch-retries=0")
            npm("npm registry: asking", *ask, cwd=folder, remedy=NO_NETWORK)
            npm(f"{what}: installing", "ci", cwd=folder, remedy=NO_NETWORK, keep=[lock])
            marker.write_text(stamp)


def npm(what: str, *arguments: str, cwd: Path, remedy: str, keep: Sequence[int] = ()) -> None:
    command = [BIN / "npm", *arguments]
    run(what, command, cwd=cwd, env=environment(), remedy=remedy, keep=keep)


if __name__ == "__main__":
    try:
        install(Path(sys.argv[1]).resolve(), what=sys.argv[1])
    except Failed as error:
        say(f"\n{error}")
        sys.exit(1)
