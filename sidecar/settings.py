"""Every setting: read once from the environment by __main__, and handed down."""

import os
from dataclasses import dataclass, field, fields
from typing import Any

from sidecar.errors import Misconfigured


def setting(name: str, says: str, default: Any = "") -> Any:
    return field(default=default, repr=False, metadata={"name": name, "says": says})


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: str = setting("DATABASE_URL", "Postgres; unset: `up` starts its own")
    redis_url: str = setting("REDIS_URL", "Redis or Valkey; unset: `up` starts its own")
    data: str = setting("AGENTRT_DATA", "folder of `up`'s servers and keys", ".agentrt")
    host: str = setting("AGENTRT_HOST", "address to listen on", "127.0.0.1")
    port: int = setting("AGENTRT_PORT", "port to listen on", 8700)
    key: str = setting("AGENTRT_KEY", "operator key; unset: loopback only, without a key")
    secret: str = setting("AGENTRT_SECRET", "root of the secrets that sign workflow tool calls")
    allow_hosts: str = setting("AGENTRT_ALLOW_HOSTS", "private host-or-CIDR:port for tools")
    log_level: str = setting("AGENTRT_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "INFO")
    openai_key: str = setting("OPENAI_API_KEY", "unset: OpenAI is absent")
    openai_url: str = setting("OPENAI_BASE_URL", "OpenAI's address", "https://api.openai.com/v1")


def read() -> Settings:
    names = {one.name: one.metadata["name"] for one in fields(Settings)}
    given: dict[str, Any] = {k: os.environ[name] for k, name in names.items() if os.getenv(name)}
    if not given.get("port", "0").isdecimal():
        raise Misconfigured("AGENTRT_PORT is no number", remedy="Set it to a free port")
    given["port"] = int(given.get("port", 8700))
    return Settings(**given)
