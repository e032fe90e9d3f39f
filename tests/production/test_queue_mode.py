"""n8n in queue mode, with the package of its image, on the stack of docker-compose.yml."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import example
import imports
import n8n
import npm
import psycopg2
import pytest
from package import PACKAGE
from psycopg2.extensions import make_dsn
from rest import Rest
from stack import Stack

from tests.house.processes import Process, free_port
from tests.production import dockerfile
from tests.production.composefile import Service, service
from tests.production.conftest import Contained, Database
from tests.production.containers import Container, placed

OWNER = {"email": n8n.EMAIL, "firstName": "Test", "lastName": "Owner", "password": "Password1"}


def connects(port: int, database: str, password: str) -> bool:
    try:
        found = psycopg2.connect(
            host="127.0.0.1", port=port, user="n8n", dbname=database, password=password
        )
    except psycopg2.OperationalError:
        return False
    found.close()
    return True


def test_n8n_has_a_database_of_its_own_whenever_it_is_asked_for(
    database: Database, secrets: dict[str, str], ports: dict[str, int]
) -> None:
    for password in ("first", 'it\'s "another"; --'):
        done = database.make({**secrets, "N8N_POSTGRES_PASSWORD": password})
        assert done.returncode == 0, done.stderr
        assert connects(ports["postgres"], "n8n", password)
        assert not connects(ports["postgres"], "n8n", f"{password}?")
        assert not connects(ports["postgres"], "agentrt", password)
    done = database.make({**secrets, "POSTGRES_PASSWORD": "wrong"})
    assert done.returncode != 0 and "password authentication failed" in done.stderr


@pytest.fixture(scope="module")
def package(root: Path) -> Path:
    """What the stage `nodes` leaves in /n8n."""
    built = root / "nodes"
    built.mkdir()
    npm.install(PACKAGE, what="Node package")

    def link(folder: Path) -> None:
        (folder / "node_modules").symlink_to(PACKAGE / "node_modules")

    stage = dockerfile.stages()["nodes"]
    dockerfile.build(stage, built, npm.environment(), {"npm ci": link})
    return built / "n8n"


@pytest.fixture
def running(
    contained: Contained,
    database: Database,
    package: Path,
    simulator: Process,
    secrets: dict[str, str],
    ports: dict[str, int],
    root: Path,
) -> Iterator[tuple[Stack, dict[str, Container]]]:
    """Started in the order of `depends_on`."""
    n8n.install()
    done = database.make(secrets)
    assert done.returncode == 0, done.stderr
    url = f"http://127.0.0.1:{ports['n8n']}"
    given = {"OPENAI_API_KEY": "simulated", "OPENAI_BASE_URL": f"{simulator.url}/v1"}
    given |= {"AGENTRT_MORE_HOSTS": url.removeprefix("http://")}
    made = {name: contained(name, given).start() for name in ("sidecar", "worker")}
    sidecar = Rest(
        made["sidecar"].up().process.url, authorization=f"Bearer {secrets['AGENTRT_KEY']}"
    )
    for name, port in (("n8n", ports["n8n"]), ("n8n-worker", free_port())):
        made[name] = n8n_container(service(name, secrets), package, ports, port, root)
    login = {"user": "n8n", "dbname": "n8n", "password": secrets["N8N_POSTGRES_PASSWORD"]}
    dsn = make_dsn(host="127.0.0.1", port=ports["postgres"], **login)
    about = {"sidecar_url": sidecar.base, "key": secrets["AGENTRT_KEY"]}
    about["encrypted_by"] = secrets["N8N_ENCRYPTION_KEY"]
    with imports.opened(root, made["n8n"].env, n8n.COMMAND, dsn) as kept:
        imports.give_credential(kept, n8n.CREDENTIAL, **about)
        imports.give_workflows(kept)
    try:
        for name in ("n8n", "n8n-worker"):
            made[name].start().up()
        Rest(url, **{"browser-id": "agentrt"}).must("POST", "/rest/owner/setup", OWNER)
        yield Stack(sidecar, n8n.N8n(url, OWNER), None, "", "", ()), made
    finally:
        for container in made.values():
            container.kill()


def n8n_container(
    own: Service, package: Path, ports: dict[str, int], port: int, root: Path
) -> Container:
    """On the n8n of the lock in place of the image's, with a folder of its own."""
    folder = root / f"folder-of-{own.name}"
    shutil.copytree(package, folder, symlinks=True)
    image = {**npm.environment(), **n8n.QUIET, "N8N_USER_FOLDER": str(folder)}
    env = placed(own.environment, ports)
    # Two n8n on one machine: the ports that both have in containers of their own.
    env |= {"N8N_PORT": str(port), "QUEUE_HEALTH_CHECK_PORT": str(port)}
    # A browser sends a secure cookie to localhost; our client does not.
    env |= {"N8N_RUNNERS_BROKER_PORT": str(free_port()), "N8N_SECURE_COOKIE": "false"}
    return Container(own, [str(n8n.COMMAND)], image, env, root)


def test_the_example_runs_in_n8n_s_queue_mode(
    running: tuple[Stack, dict[str, Container]], ports: dict[str, int]
) -> None:
    stack, made = running
    example.publish(stack)
    where = stack.sidecar.get("/v1/tools/enrich")["config"]["url"]
    assert where.startswith(f"http://127.0.0.1:{ports['n8n']}/webhook/")
    outcome = example.play(stack)
    assert outcome.run["status"] == "completed" and outcome.replay["verdict"] == "identical"
    assert [call["status"] for call in outcome.run["tool_calls"]] == ["done"]
    assert f"execution {outcome.execution}" in made["n8n-worker"].process.said()
    statuses = {name: container.stop() for name, container in made.items()}
    assert set(statuses.values()) == {0}, statuses
