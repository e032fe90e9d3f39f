"""Every setting: read once from the environment by __main__, and handed down."""

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def setting(name: str, says: str, default: Any = "") -> Any:
    return Field(default=default, validation_alias=name, description=says, repr=False)


class Settings(BaseSettings):
    """ValidationError names the variable that is wrong."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")
    database_url: str = setting("DATABASE_URL", "Postgres; unset: `up` starts its own")
    redis_url: str = setting("REDIS_URL", "Redis or Valkey; unset: `up` starts its own")
    data: str = setting("AGENTRT_DATA", "folder of `up`'s servers and keys", ".agentrt")
    host: str = setting("AGENTRT_HOST", "address to listen on", "127.0.0.1")
    port: int = setting("AGENTRT_PORT", "port to listen on", 8700)
    key: str = setting("AGENTRT_KEY", "operator key; unset: loopback only, without a key")
    secret: str = setting("AGENTRT_SECRET", "root of the secrets that sign workflow tool calls")
    allow_hosts: str = setting("AGENTRT_ALLOW_HOSTS", "private host-or-CIDR:port for tools")
    tools: str = setting("AGENTRT_TOOLS", "modules with function tools, commas between")
    log_level: str = setting("AGENTRT_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "INFO")
    openai_key: str = setting("OPENAI_API_KEY", "unset: OpenAI is absent")
    openai_url: str = setting("OPENAI_BASE_URL", "OpenAI's address", "https://api.openai.com/v1")
    anthropic_key: str = setting("ANTHROPIC_API_KEY", "unset: Anthropic is absent")
    anthropic_url: str = setting("ANTHROPIC_BASE_URL", "its address", "https://api.anthropic.com")
