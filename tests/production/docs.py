"""The commands that the docs have for docker compose."""

import re

from tests.production.composefile import ROOT

README = (ROOT / "README.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def production() -> str:
    """Under that heading of the README."""
    (lines,) = re.findall(r"^## Production.*?^```\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return lines


def executed(service: str) -> list[str]:
    """What docs/operations.md has run in that service's container."""
    command = rf"^docker compose exec -T {service} (.*)$"
    return re.findall(command, OPERATIONS, flags=re.MULTILINE)


def module() -> str:
    """The tool in Python of docs/operations.md."""
    (text,) = re.findall(r"^```python\n(.*?)^```", OPERATIONS, re.MULTILINE | re.DOTALL)
    return text
