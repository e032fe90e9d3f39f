"""The pinned n8n, headless: given the node package and the examples, started on Postgres."""

import hashlib
import json
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import bcrypt
import npm
import psycopg2.extensions
from client import N8n
from progress import run, say
from rest import Rest

from sidecar.extras.children import running
from sidecar.extras.embedded import database

DEV = Path(__file__).parent
PACKAGE = DEV.parent
# Not beside its lock file: the build of the node package copies what lies beneath the package.
HOME = PACKAGE.parent / ".n8n"
COMMAND = HOME / "node_modules" / ".bin" / "n8n"
CREDENTIAL = "agentrtapi000001"
EMAIL = "owner@example.com"
REPORT = "This is a fault of the node package or of its lock: please report it."
# Nothing calls home, asks questions or shows banners.
QUIET = {
    "N8N_DIAGNOSTICS_ENABLED": "false",
    "N8N_DISABLED_MODULES": "mcp-registry",
    "N8N_DYNAMIC_BANNERS_ENABLED": "false",
    "N8N_HIRING_BANNER_ENABLED": "false",
    "N8N_LICENSE_AUTO_RENEW_ENABLED": "false",
    "N8N_ONBOARDING_FLOW_DISABLED": "true",
    "N8N_PERSONALIZATION_ENABLED": "false",
    "N8N_TEMPLATES_ENABLED": "false",
    "N8N_VERIFIED_PACKAGES_ENABLED": "false",
    "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
    "N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED": "false",
}


def install() -> None:
    npm.install_copy(DEV, HOME, what="n8n (2,400 packages, 3 to 6 minutes)")


@contextmanager
def started(
    folder: Path, *, port: int, database_url: str, sidecar_url: str, key: str
) -> Iterator[N8n]:
    """With the node package, a credential for the sidecar and the example workflows."""
    owner = _owner(folder)
    env = _environment(folder, port=port, database_url=database_url, owner=owner)
    _install_package(folder)
    _import(folder, env, sidecar_url=sidecar_url, key=key)
    url = f"http://127.0.0.1:{port}"
    say("n8n: starting ...")
    with running(
        [COMMAND, "start"], log=folder / "n8n.log", env=env, ready=partial(_ready, Rest(url))
    ):
        yield N8n(url, owner)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def _ready(rest: Rest) -> bool:
    return rest.answers("/healthz/readiness") and rest.answers("/rest/settings")


def _owner(folder: Path) -> dict[str, str]:
    """Made once; the hash is kept too, since another one would end the owner's sessions."""
    file = folder.parent / "n8n-owner.json"
    if not file.exists():
        password = f"A1{secrets.token_urlsafe(12)}"
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()
        file.touch(mode=0o600)
        file.write_text(json.dumps({"email": EMAIL, "password": password, "hash": hashed}))
    return json.loads(file.read_text())


def _environment(
    folder: Path, *, port: int, database_url: str, owner: dict[str, str]
) -> dict[str, str]:
    where = psycopg2.extensions.parse_dsn(database(database_url, "n8n"))
    url = f"http://127.0.0.1:{port}/"
    return {
        **npm.environment(),
        **QUIET,
        "DB_TYPE": "postgresdb",
        "DB_POSTGRESDB_HOST": where["host"],
        "DB_POSTGRESDB_PORT": where.get("port", "5432"),
        "DB_POSTGRESDB_DATABASE": where["dbname"],
        "DB_POSTGRESDB_USER": where["user"],
        "DB_POSTGRESDB_PASSWORD": where.get("password", ""),
        "N8N_EDITOR_BASE_URL": url,
        "N8N_GRACEFUL_SHUTDOWN_TIMEOUT": "5",
        "N8N_INSTANCE_OWNER_EMAIL": owner["email"],
        "N8N_INSTANCE_OWNER_FIRST_NAME": "Local",
        "N8N_INSTANCE_OWNER_LAST_NAME": "Owner",
        "N8N_INSTANCE_OWNER_MANAGED_BY_ENV": "true",
        "N8N_INSTANCE_OWNER_PASSWORD_HASH": owner["hash"],
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_PORT": str(port),
        "N8N_RUNNERS_BROKER_PORT": str(free_port()),
        "N8N_SECURE_COOKIE": "false",
        "N8N_USER_FOLDER": str(folder),
        "N8N_WEBHOOK_URL": url,
    }


def _install_package(folder: Path) -> None:
    """Built, packed and installed from the tarball, as n8n installs a package from the store."""
    npm.install(PACKAGE, what="Node package")
    npm.npm("Node package: building", "run", "build", cwd=PACKAGE, remedy=REPORT)
    nodes = folder / ".n8n" / "nodes"
    shutil.rmtree(nodes, ignore_errors=True)
    nodes.mkdir(parents=True)
    (nodes / "package.json").write_text('{"name": "installed-nodes", "private": true}')
    pack = ["pack", "--pack-destination", str(nodes)]
    npm.npm("Node package: packing", *pack, cwd=PACKAGE, remedy=REPORT)
    add = ["install", "--legacy-peer-deps", "--omit=dev", str(next(nodes.glob("*.tgz")))]
    npm.npm("Node package: installing it into n8n", *add, cwd=nodes, remedy=npm.NO_NETWORK)


def _import(folder: Path, env: dict[str, str], *, sidecar_url: str, key: str) -> None:
    data = {"baseUrl": sidecar_url, "apiKey": key}
    credential = {"id": CREDENTIAL, "name": "agentrt sidecar", "type": "agentRtApi", "data": data}
    secret = folder / "credentials.json"
    secret.touch(mode=0o600)
    secret.write_text(json.dumps([credential]))
    _import_changed(folder, env, "credentials", [secret], f"--input={secret}")
    secret.unlink()
    examples = sorted((DEV / "workflows").glob("*.json"))
    where = f"--input={DEV / 'workflows'}"
    _import_changed(folder, env, "workflow", examples, "--separate", where)


def _import_changed(
    folder: Path, env: dict[str, str], what: str, files: list[Path], *how: str
) -> None:
    """Only what has changed since the last time: an example that was edited in n8n stays so."""
    marker = folder / f"imported-{what}"
    content = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    if marker.exists() and marker.read_text() == content:
        return
    command = [COMMAND, f"import:{what}", *how]
    run(f"n8n: importing {what}", command, cwd=folder, env=env, remedy=REPORT)
    marker.write_text(content)
