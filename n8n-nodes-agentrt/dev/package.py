"""The node package, built, packed and installed as n8n installs a package from the store."""

import shutil
from pathlib import Path

import npm
from lock import digest, is_stamped, locked

PACKAGE = Path(__file__).parents[1]
NAME = "n8n-nodes-agentrt"
SOURCES = ("credentials", "icons", "nodes", "package.json", "package-lock.json", "tsconfig.json")
REPORT = "This is a fault of the node package or of its lock: please report it."


def install(home: Path, nodes: Path) -> None:
    """Into the folder `nodes` of an n8n, where all else stays; `home` keeps the build."""
    tarball = _packed(home)
    marker = nodes / f".{NAME}"
    if is_stamped(marker, tarball.name):
        return
    marker.unlink(missing_ok=True)
    nodes.mkdir(parents=True, exist_ok=True)
    if not (nodes / "package.json").exists():
        (nodes / "package.json").write_text('{"name": "installed-nodes", "private": true}')
    shutil.rmtree(nodes / "node_modules" / NAME, ignore_errors=True)
    for older in nodes.glob(f"{NAME}-*.tgz"):
        older.unlink()
    shutil.copyfile(tarball, nodes / tarball.name)
    add = ["install", "--legacy-peer-deps", "--omit=dev", f"./{tarball.name}"]
    npm.npm("Node package: installing it into n8n", *add, cwd=nodes, remedy=npm.NO_NETWORK)
    marker.write_text(tarball.name)


def _packed(home: Path) -> Path:
    """The tarball of the sources as they are; its name tells which."""
    tarball = home / f"{NAME}-{digest(*_sources())[:16]}.tgz"
    if tarball.exists():
        return tarball
    npm.install(PACKAGE, what="Node package")
    with locked(PACKAGE / "package.json", waiting_for="the build of the node package") as lock:
        aside = home / "packing"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        where = {"cwd": PACKAGE, "remedy": REPORT, "keep": [lock]}
        npm.npm("Node package: building", "run", "build", **where)
        npm.npm("Node package: packing", "pack", "--pack-destination", str(aside), **where)
        for older in home.glob(f"{NAME}-*.tgz"):
            older.unlink()
        next(aside.glob("*.tgz")).rename(tarball)
    return tarball


def _sources() -> list[Path | str]:
    """Names and contents of all that goes in."""
    found = [path for name in SOURCES for path in (PACKAGE / name, *(PACKAGE / name).rglob("*"))]
    files = sorted(path for path in found if path.is_file())
    return [part for file in files for part in (str(file.relative_to(PACKAGE)), file)]
