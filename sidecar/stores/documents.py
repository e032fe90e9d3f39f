"""Versioned configuration: agents and tools from their users, model rows and policy built in."""

import hashlib
import tomllib
from functools import cache
from importlib.resources import files
from typing import TypeVar

from sidecar.core.documents import Agent, Contract, ModelRow, Policy
from sidecar.core.messages import canonical, dump
from sidecar.errors import Problem
from sidecar.stores.db import Db

Kind = TypeVar("Kind", Agent, Contract)
FOLDER = {Agent: "agents", Contract: "tools"}


@cache
def built_in() -> tuple[Policy, tuple[ModelRow, ...]]:
    """The rows of builtin.toml, each with its source and date."""
    table = tomllib.loads((files("sidecar.stores") / "builtin.toml").read_text())
    return Policy(**table["policy"]), tuple(ModelRow(**row) for row in table["models"])


def signature(document: Agent | Contract) -> str:
    """What a version freezes: all of an agent; of a contract, both schemas and side effects."""
    frozen = {"input_schema", "output_schema", "side_effects"}
    include = frozen if isinstance(document, Contract) else None
    content = document.model_dump(mode="json", include=include)
    return hashlib.sha256(canonical(content)).hexdigest()


async def get(db: Db, model: type[Kind], ref: str) -> tuple[int, Kind]:
    """`ref` is `name` or `name@version`. Problem `not_found`; retired names have no newest."""
    name, _, version = ref.partition("@")
    kind = FOLDER[model]
    rows = await db("newest", kind=kind, name=name, version=int(version or 0))
    if not rows or (rows[0][3] and not version):
        remedy = f"GET /v1/{kind} lists what there is."
        raise Problem("not_found", f"there is no {kind[:-1]} {ref}", field=kind[:-1], remedy=remedy)
    found, _, body, _ = rows[0]
    return found, model.model_validate_json(body)


async def listed(db: Db, model: type[Kind]) -> list[tuple[str, int, Kind]]:
    rows = await db("listed", kind=FOLDER[model])
    return [(name, version, model.model_validate_json(body)) for name, version, body, _ in rows]


async def put(db: Db, name: str, document: Agent | Contract, version: int = 0) -> int:
    """The version it has now. Problem `version_conflict`: that version has another signature."""
    kind, seal = FOLDER[type(document)], signature(document)
    rows = await db("newest", kind=kind, name=name, version=0)
    newest, last = rows[0][:2] if rows else (0, "")
    number = version or (newest if seal == last else newest + 1)
    body = dump(document).decode()
    if not await db("put", kind=kind, name=name, version=number, signature=seal, body=body):
        remedy = "Leave version out: the next one is given."
        detail = f"{name}@{number} has another signature"
        raise Problem("version_conflict", detail, field="version", remedy=remedy)
    return number


async def retire(db: Db, model: type[Kind], name: str) -> None:
    await get(db, model, name)
    await db("retire", kind=FOLDER[model], name=name)
