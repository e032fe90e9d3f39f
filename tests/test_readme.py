"""What the README says is executed."""

import asyncio
import re
import subprocess
from pathlib import Path

from tests.house.api import Api
from tests.house.installation import KEY

README = (Path(__file__).parents[1] / "README.md").read_text()


async def test_the_tour_runs_as_it_stands(api: Api, tmp_path: Path) -> None:
    done = await asyncio.to_thread(tour, api.url, tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"greeting":"' in done.stdout
    assert '"verdict":"identical"' in done.stdout
    assert '"simulated":true' in done.stdout


def tour(url: str, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    (script,) = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / ".agentrt").mkdir()
    (tmp_path / ".agentrt" / "key").write_text(KEY)
    command = ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8700", url)]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
