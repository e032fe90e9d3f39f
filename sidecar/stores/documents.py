"""Versioned configuration: agents and tools from their users, model rows and policy built in."""

import hashlib
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from sidecar.core.documents import Agent, Contract, ModelRow, Policy, Setup
from sidecar.core.messages import canonical
from sidecar.core.route import row_of
from sidecar.core.schema import check_schema
from sidecar.errors import Problem
from sidecar.stores.db import Db

Kind = TypeVar("Kind", Agent, Contract)
FOLDER = {Agent: "agents", Contract: "tools"}
FROZEN = {Agent: None, Contract: {"input_schema", "output_schema", "side_effects"}}


@cache
def built_in() -> tuple[Policy, tuple[ModelRow, ...]]:
    """The rows of builtin.toml, each with its source and date."""
    table = tomllib.loads((files("sidecar.stores") / "builtin.toml").read_text())
    return Policy(**table["policy"]), tuple(ModelRow(**row) for row in table["models"])


def named(model: type[Kind], name: str, version: int, body: str) -> Kind:
    return model.model_validate_json(body).model_copy(update={"name": name, "version": version})


async def get(db: Db, model: type[Kind], ref: str) -> Kind:
    """`ref` is `name` or `name@version`. Problem `not_found`; retired names have no newest."""
    kind, (name, _, version) = FOLDER[model], ref.partition("@")
    rows = await db("versions", kind=kind, name=name)
    found = [row for row in rows if version in ("", str(row[0]))]
    if not found or (rows[0][2] and not version):
        remedy = f"GET /v1/{kind} lists what there is."
        raise Problem(
            404, "not_found", f"there is no {kind[:-1]} {ref}", field=kind[:-1], remedy=remedy
        )
    return named(model, name, *found[0][:2])


async def listed(db: Db, model: type[Kind]) -> list[Kind]:
    return [named(model, *row) for row in await db("listed", kind=FOLDER[model])]


async def put(db: Db, given: Kind) -> Kind:
    """As it is kept now. Problem `version_conflict`: that version has another signature."""
    model = type(given)
    frozen = given.model_dump(mode="json", include=FROZEN[model], exclude={"name", "version"})
    row = {"kind": FOLDER[model], "name": given.name, "version": given.version}
    row["signature"] = hashlib.sha256(canonical(frozen)).hexdigest()
    row["body"] = given.json_bytes().decode()
    while not (rows := await db("put", **row)):
        if not given.version:
            continue  # somebody else took the next version
        detail, remedy = f"{given.ref} has another signature", "Leave version out for the next one."
        raise Problem(409, "version_conflict", detail, field="version", remedy=remedy)
    return given.model_copy(update={"version": rows[0][0]})


async def setup(db: Db, asked: Any) -> Setup:
    """The agent as a turn asks for it, with all that it needs. Problems name what is not there.

    `asked` has the fields of a turn request; None is as the agent has it.
    """
    agent = await get(db, Agent, asked.agent)
    given = asked.model_dump(include={"task", "tools", "output_schema"}, exclude_none=True)
    if asked.model:
        given["models"] = (asked.model,)
    if asked.timeout_s:
        given["limits"] = agent.limits.model_copy(update={"timeout_s": asked.timeout_s})
    agent = agent.model_copy(update=given)
    check_schema(agent.output_schema or {}, "output_schema")
    policy, models = built_in()
    unknown = [ref for ref in agent.models if not row_of(models, policy.aliases.get(ref, ref))]
    if unknown:
        remedy = "GET /v1/models lists what there is."
        raise Problem(404, "not_found", f"no model {unknown[0]}", field="model", remedy=remedy)
    contracts = [await get(db, Contract, ref) for ref in agent.tools]
    return Setup(agent=agent, contracts=tuple(contracts), policy=policy, models=models)
