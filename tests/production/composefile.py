"""docker-compose.yml as Compose reads it: merged, then interpolated with the variables of .env."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
# $$ | ${NAME:-default} | ${NAME:?what to do}; nothing else is used.
VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::([-?])([^{}]*))?\}|)")
SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    entrypoint: list[str]
    command: list[str]
    environment: dict[str, str]
    test: list[str]
    timeout_s: int
    start_period_s: int
    stop_grace_period_s: int


def variables(text: str) -> dict[str, str]:
    """Of a file .env: NAME=value lines."""
    return dict(re.findall(r"^([A-Z]\w*)=(.*)$", text, flags=re.MULTILINE))


def interpolated(value: Any, given: dict[str, str]) -> Any:
    match value:
        case str():
            return VARIABLE.sub(lambda found: substitute(found, given), value)
        case dict():
            return {key: interpolated(inner, given) for key, inner in value.items()}
        case list():
            return [interpolated(inner, given) for inner in value]
        case _:
            return value


def substitute(found: re.Match[str], given: dict[str, str]) -> str:
    dollar, name, rule, rest = found.groups()
    assert dollar or name, f"a bare $ in {found.string!r}: write $$"
    if dollar:
        return dollar
    value = given.get(name, "")
    assert value or rule, f"{name} has neither a value nor a rule for none"
    if not value and rule == "?":
        raise LookupError(f"{name}: {rest}")
    return value or rest


def composed(given: dict[str, str]) -> dict[str, Any]:
    """LookupError names a variable that must be set and is not."""
    return interpolated(yaml.safe_load(TEXT), given)


def service(name: str, given: dict[str, str]) -> Service:
    found = composed(given)["services"][name]
    check = found.get("healthcheck", {})
    return Service(
        name,
        found.get("entrypoint", []),
        found.get("command", []),
        {key: str(value) for key, value in found.get("environment", {}).items()},
        check.get("test", []),
        seconds(check.get("timeout", "30s")),
        seconds(check.get("start_period", "0s")),
        seconds(found.get("stop_grace_period", "10s")),
    )


def seconds(duration: str) -> int:
    return sum(int(n) * SECONDS[unit] for n, unit in re.findall(r"(\d+)([smh])", duration))
