"""What openapi.json says is true: schemathesis, with every check it has, finds nothing."""

import os
import subprocess
import sys
from pathlib import Path

from tests.house.api import opened
from tests.house.installation import KEY, Installation

ROOT = Path(__file__).parents[1]
SEED = os.environ.get("SCHEMATHESIS_SEED", "20261123")  # another one is another day's search
TIMEOUT_S = 900


def searched(url: str, key: str, folder: Path, *phases: str) -> str:
    """What it prints when it finds nothing; else the test fails with what it found."""
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {key}", "--checks", "all", *phases]
    command += ["--seed", SEED, "--no-color", "--continue-on-failure", "--workers", "2"]
    command += ["--generation-database", "none", "--report-dir", folder]
    env = {"SCHEMATHESIS_HOOKS": "tests.house.fuzz", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    env |= {"PATH": os.environ["PATH"], "COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, f"seed {SEED}: {done.stdout[-8_000:]}{done.stderr[-2_000:]}"
    return done.stdout


async def test_an_operator_s_requests_are_answered_as_described(
    spare: Installation, tmp_path: Path
) -> None:
    sidecar = spare.sidecar()
    spare.worker()
    async with opened(sidecar, KEY) as api:
        await api.agent("writer")
        await api.turn("writer", "Company: Acme, Name: Ada Lovelace")
    said = searched(sidecar.url, KEY, tmp_path, "--max-examples", "10")
    for phase in ("Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in said or f"✅  {phase}" in said, said


async def test_a_customer_s_requests_are_answered_as_described(
    spare: Installation, tmp_path: Path
) -> None:
    sidecar = spare.sidecar()
    spare.worker()
    async with opened(sidecar, KEY) as api:
        await api.agent("writer")
        key = (await api("PUT", "/v1/keys/acme", {"scopes": ["run", "read"]})).body["key"]
    phases = ("--phases", "fuzzing,stateful", "--max-examples", "5")
    assert "Stateful" in searched(sidecar.url, key, tmp_path, *phases)
