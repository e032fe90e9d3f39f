"""Versioned configuration: from its users, and for model rows and policy built in beneath."""

import hashlib
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from sidecar.core.documents import Agent, Contract, Document, Hook, Key, ModelRow, Policy, Setup
from sidecar.core.messages import canonical
from sidecar.core.route import row_of
from sidecar.core.schema import check_schemas
from sidecar.errors import Problem
from sidecar.stores.db import Db

Kind = TypeVar("Kind", bound=Document)
FOLDER: dict[type[Document], str] = {Agent: "agents", Contract: "tools", ModelRow: "models"}
FOLDER |= {Policy: "policy", Hook: "hooks", Key: "keys"}
SIGNATURE = {"input_schema", "output_schema", "side_effects"}


@cache
def built_in(folder: str) -> dict[str, Any]:
    """The rows of builtin.toml, each with its source and date."""
    table = tomllib.loads((files("sidecar.stores") / "builtin.toml").read_text())
    rows = [ModelRow(**row) for row in table["models"]]
    models = {row.ref: row.model_copy(update={"name": row.ref}) for row in rows}
    policy = Policy(**table["policy"] | {"name": "policy"})
    return {"models": models, "policy": {"policy": policy}}.get(folder, {})


def named(model: type[Kind], name: str, version: int, body: str) -> Kind:
    return model.model_validate_json(body).model_copy(update={"name": name, "version": version})


async def get(db: Db, model: type[Kind], ref: str) -> Kind:
    """`ref` is `name` or `name@version`. Problem `not_found`; retired names have no newest.

    A retired policy is the built-in one again.
    """
    kind, (name, _, version) = FOLDER[model], ref.partition("@")
    rows = await db("versions", kind=kind, name=name)
    found = [row for row in rows if version in ("", str(row[0]))]
    if name in built_in(kind) and (not rows or (model is Policy and rows[0][2])):
        return built_in(kind)[name]
    if not found or (rows[0][2] and not version):
        what, remedy = kind.removesuffix("s"), f"GET /v1/{kind} lists what there is."
        raise Problem(404, "not_found", f"there is no {what} {ref}", field=what, remedy=remedy)
    return named(model, name, *found[0][:2])


async def listed(db: Db, model: type[Kind], prefix: str = "") -> dict[str, Kind]:
    """The newest of each name, by what follows `prefix` in it."""
    found: dict[str, Any] = dict(built_in(FOLDER[model]))
    for name, version, body, retired in await db("newest", kind=FOLDER[model], prefix=prefix):
        found.pop(name, None)
        if not retired:
            found[name.removeprefix(prefix)] = named(model, name, version, body)
    return found


async def put(db: Db, given: Kind, key: str = "") -> Kind:
    """As it is kept now, sealed with `key` where it is one's document.

    Problem `version_conflict`: that version has another signature.
    """
    frozen = SIGNATURE if isinstance(given, Contract) else None
    signed = given.model_dump(mode="json", include=frozen, exclude={"name", "version"})
    row = {"kind": FOLDER[type(given)], "name": given.name, "version": given.version}
    row["signature"] = hashlib.sha256(key.encode() or canonical(signed)).hexdigest()
    row["body"] = given.model_dump_json(exclude={"name", "version"})
    for _ in range(1 if given.version else 30):  # somebody else may take the next version
        if rows := await db("put", **row):
            return given.model_copy(update={"version": rows[0][0]})
    detail, remedy = f"{given.ref} has another signature", "Leave version out for the next one."
    raise Problem(409, "version_conflict", detail, field="version", remedy=remedy)


async def holder(db: Db, key: str) -> Key | None:
    """Whose key it is, while it lives."""
    rows = await db("key", sha256=hashlib.sha256(key.encode()).hexdigest())
    return named(Key, *rows[0]) if rows else None


def check_models(refs: Iterable[str], policy: Policy, models: Iterable[ModelRow], field: str):
    """Problem `not_found` for the first that is no model."""
    for ref in refs:
        if not row_of(models, policy.aliases.get(ref, ref)):
            remedy = "GET /v1/models lists what there is."
            raise Problem(404, "not_found", f"there is no model {ref}", field=field, remedy=remedy)


async def check_policy(db: Db, policy: Policy) -> None:
    refs = [*policy.aliases, *(ref for rule in policy.rules for tier in rule.use for ref in tier)]
    check_models(refs, policy, (await listed(db, ModelRow)).values(), "rules")


async def setup(db: Db, asked: Any, own: tuple[Contract, ...] = ()) -> Setup:
    """The agent as a turn asks for it, with all that it needs. Problems name what is not there.

    `asked` has the fields of a turn request; None is as the agent has it. `own` contracts are
    the caller's, kept nowhere else.
    """
    agent = asked.agent if isinstance(asked.agent, Agent) else await get(db, Agent, asked.agent)
    given = asked.model_dump(include={"task", "tools", "output_schema"}, exclude_none=True)
    if agent is asked.agent:
        given["version"] = 0  # brought along: nobody takes it for one that is kept here
    if asked.model:
        given["models"] = (asked.model,)
    if asked.timeout_s:
        given["limits"] = agent.limits.model_copy(update={"timeout_s": asked.timeout_s})
    agent = agent.model_copy(update=given)
    for document in (agent, *own):
        check_schemas(document)
    policy, rows = await get(db, Policy, "policy"), await listed(db, ModelRow)
    check_models(agent.models, policy, rows.values(), "model")
    contracts = (*own, *[await get(db, Contract, ref) for ref in agent.tools])
    if len({contract.name for contract in contracts}) < len(contracts):
        remedy = "Give each tool once, under a name of its own."
        raise Problem(422, "validation", "two tools have one name", field="tools", remedy=remedy)
    return Setup(agent=agent, contracts=contracts, policy=policy, models=tuple(rows.values()))
