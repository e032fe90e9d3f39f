"""What the README says is executed."""

import re
import subprocess
from pathlib import Path

from tests.house.api import Api
from tests.house.installation import KEY

README = (Path(__file__).parents[1] / "README.md").read_text()


async def test_the_tour_runs_as_it_stands(api: Api, tmp_path: Path) -> None:
    (tour,) = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / ".agentrt").mkdir()
    (tmp_path / ".agentrt" / "key").write_text(KEY)
    script = tour.replace("http://127.0.0.1:8700", api.url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"greeting":"' in done.stdout
    assert '"verdict":"identical"' in done.stdout
    assert '"simulated":true' in done.stdout
