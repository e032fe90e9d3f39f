"""What n8n is given of the example, and what was given last time: kept in n8n's own database.

Only what has changed is imported: an example that was edited in n8n stays so. What is missing there
is imported again, be it that the import was interrupted or that the database is another one.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from lock import digest
from package import REPORT
from progress import Failed, run, say
from rest import Rest

from sidecar.extras.embedded import database

WORKFLOWS = Path(__file__).parent / "workflows"
TABLE = "CREATE TABLE IF NOT EXISTS agentrt_given (what text PRIMARY KEY, digest text NOT NULL)"
KEEP = """INSERT INTO agentrt_given VALUES (%s, %s)
    ON CONFLICT (what) DO UPDATE SET digest = excluded.digest"""
SET_ASIDE = """UPDATE deployment_key SET type = type || '.lost', status = 'inactive'
    WHERE type LIKE 'signing.%' OR type = 'data_encryption'"""
THERE = {
    "credentials": "SELECT count(*) FROM credentials_entity WHERE id = ANY(%s)",
    "workflow": 'SELECT count(*) FROM workflow_entity WHERE id = ANY(%s) AND NOT "isArchived"',
}


@dataclass(frozen=True, slots=True)
class N8nDatabase:
    folder: Path
    env: Mapping[str, str]
    command: Path
    cursor: Any

    def given(self, what: str) -> str | None:
        self.cursor.execute("SELECT digest FROM agentrt_given WHERE what = %s", [what])
        row = self.cursor.fetchone()
        return row and row[0]

    def keep(self, what: str, stamp: str) -> None:
        self.cursor.execute(KEEP, [what, stamp])

    def has(self, what: str, ids: list[str]) -> bool:
        try:
            self.cursor.execute(THERE[what], [ids])
        except psycopg2.errors.UndefinedTable:  # before its first start
            return False
        return self.cursor.fetchone()[0] == len(ids)

    def import_once(self, what: str, stamp: str, ids: list[str], *how: str) -> None:
        if self.given(what) == stamp and self.has(what, ids):
            return
        command = [self.command, f"import:{what}", *how]
        run(f"n8n: importing {what}", command, cwd=self.folder, env=self.env, remedy=REPORT)
        if not self.has(what, ids):
            raise Failed(f"n8n did not take over the example's {what} {ids}. {REPORT}")
        self.keep(what, stamp)


@contextmanager
def opened(
    folder: Path, env: Mapping[str, str], command: Path, server_url: str
) -> Iterator[N8nDatabase]:
    with closing(psycopg2.connect(database(server_url, "n8n"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(TABLE)
            yield N8nDatabase(folder, env, command, cursor)


def give_key(n8n: N8nDatabase, key: str) -> None:
    """With another key than last time n8n cannot read its own, and would not start."""
    stamp = digest(key)
    if n8n.given("key") not in (None, stamp):
        say("n8n: its key was lost. Its credentials cannot be read any more: enter them again.")
        n8n.cursor.execute(SET_ASIDE)
    n8n.keep("key", stamp)


def give_credential(
    n8n: N8nDatabase, name: str, *, sidecar_url: str, key: str, encrypted_by: str
) -> None:
    data = {"baseUrl": sidecar_url, "apiKey": key}
    credential = {"id": name, "name": "agentrt sidecar", "type": "agentRtApi", "data": data}
    file = n8n.folder / "credentials.json"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    try:
        file.write_text(json.dumps([credential]))
        stamp = digest(file, encrypted_by)
        n8n.import_once("credentials", stamp, [name], f"--input={file}")
    finally:
        file.unlink()


def give_workflows(n8n: N8nDatabase) -> None:
    files = sorted(WORKFLOWS.glob("*.json"))
    ids = [json.loads(file.read_text())["id"] for file in files]
    how = ("--separate", f"--input={WORKFLOWS}")
    n8n.import_once("workflow", digest(*files), ids, *how)


def renew_signatures(n8n: N8nDatabase, sidecar: Rest, *, secret: str) -> None:
    """n8n registers again what is not registered, and is told the new signing secrets then."""
    stamp = digest(secret)
    if n8n.given("secret") not in (None, stamp):
        for tool in sidecar.get("/v1/tools")["tools"]:
            if tool["config"].get("envelope"):
                sidecar.must("DELETE", f"/v1/tools/{tool['name']}")
    n8n.keep("secret", stamp)
