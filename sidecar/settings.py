"""Every setting, read once from the environment by __main__ and handed down."""

import os
from dataclasses import dataclass, field, fields
from typing import Any


def setting(name: str, default: Any, says: str) -> Any:
    return field(default=default, repr=False, metadata={"name": name, "says": says})


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: str = setting("DATABASE_URL", "", "Postgres; unset: `up` starts its own")
    redis_url: str = setting("REDIS_URL", "", "Redis or Valkey; unset: `up` starts its own")
    data: str = setting("AGENTRT_DATA", ".agentrt", "folder of the embedded servers and keys")
    host: str = setting("AGENTRT_HOST", "127.0.0.1", "address to listen on")
    port: int = setting("AGENTRT_PORT", 8700, "port to listen on")
    key: str = setting("AGENTRT_KEY", "", "operator key; unset: no key, loopback only")
    secret: str = setting("AGENTRT_SECRET", "", "signs calls of workflow tools")
    allow_hosts: str = setting(
        "AGENTRT_ALLOW_HOSTS", "", "private `host-or-CIDR:port` tools may use"
    )
    log_level: str = setting("AGENTRT_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR")
    openai_key: str = setting("OPENAI_API_KEY", "", "unset: OpenAI is absent")
    openai_url: str = setting("OPENAI_BASE_URL", "https://api.openai.com/v1", "OpenAI's base URL")


def read() -> Settings:
    """ValueError for a port that is no number."""
    given = {one.name: os.environ.get(one.metadata["name"]) for one in fields(Settings)}
    known = {name: value for name, value in given.items() if value}
    if "port" in known:
        known["port"] = int(known["port"])
    return Settings(**known)
