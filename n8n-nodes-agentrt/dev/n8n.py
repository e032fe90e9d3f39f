"""The pinned n8n, headless: given the node package and the examples, started on Postgres."""

import json
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import bcrypt
import imports
import npm
import package
import psycopg2.extensions
from client import N8n
from progress import say
from rest import Rest

from sidecar.extras.children import Child, running
from sidecar.extras.embedded import database
from sidecar.extras.up import kept

DEV = Path(__file__).parent
# Not beside its lock file: the build of the node package copies what lies beneath the package.
HOME = DEV.parents[1] / ".n8n"
COMMAND = HOME / "node_modules" / ".bin" / "n8n"
CREDENTIAL = "agentrtapi000001"
EMAIL = "owner@example.com"
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
    folder: Path, *, port: int, database_url: str, sidecar: Rest, secret: str, keep: Sequence[int]
) -> Iterator[tuple[Child, N8n]]:
    """With the node package, a credential for the sidecar and the example workflows."""
    owner = _owner(folder.parent / "n8n-owner.json")
    own_key = _encryption_key(folder)
    env = _environment(folder, port=port, database_url=database_url, owner=owner, key=own_key)
    package.install(HOME, folder / ".n8n" / "nodes")
    key = sidecar.headers["authorization"].removeprefix("Bearer ")
    with imports.opened(folder, env, COMMAND, database_url) as database:
        imports.give_key(database, own_key)
        about = {"sidecar_url": sidecar.base, "key": key, "encrypted_by": own_key}
        imports.give_credential(database, CREDENTIAL, **about)
        imports.give_workflows(database)
        imports.renew_signatures(database, sidecar, secret=secret)
    url = f"http://127.0.0.1:{port}"
    say("n8n: starting ...")
    ready, log = partial(_ready, Rest(url)), folder / "n8n.log"
    with running([COMMAND, "start"], log=log, env=env, ready=ready, keep=keep) as child:
        yield child, N8n(url, owner)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def _ready(rest: Rest) -> bool:
    return rest.answers("/healthz/readiness") and rest.answers("/rest/settings")


def _owner(file: Path) -> dict[str, str]:
    """Made once; the hash is kept too, since another one would end the owner's sessions."""
    _drop_half_a_file(file)
    kept = json.loads(file.read_text()) if file.exists() else {}
    password = kept.get("password") or f"A1{secrets.token_urlsafe(12)}"
    hashed = kept.get("hash") or ""
    if not _fits(password, hashed):
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()
    owner = {"email": EMAIL, "password": password, "hash": hashed}
    file.touch(mode=0o600)
    file.chmod(0o600)
    if owner != kept:
        file.write_text(json.dumps(owner))
    return owner


def _fits(password: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode(), hashed.encode())
    except ValueError:  # that is no hash
        return False


def _encryption_key(folder: Path) -> str:
    """Kept beside ours; n8n's own file is only a copy, which a kill may have cut off."""
    copy, file = folder / ".n8n" / "config", folder.parent / "n8n-key"
    _drop_half_a_file(copy)
    if copy.exists() and not (file.exists() and file.read_text()):
        file.touch(mode=0o600)
        file.write_text(json.loads(copy.read_text())["encryptionKey"])
    return kept(file)


def _drop_half_a_file(file: Path) -> None:
    """One that a kill or a full disk cut off; it is made anew."""
    try:
        json.loads(file.read_text())
    except FileNotFoundError:
        pass
    except ValueError:
        file.unlink()


def _environment(
    folder: Path, *, port: int, database_url: str, owner: dict[str, str], key: str
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
        "N8N_ENCRYPTION_KEY": key,
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
