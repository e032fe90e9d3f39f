"""Agents, tools and models: the configuration, as its users put and get it."""

import re
from typing import Any

from sidecar.api.door import Ask
from sidecar.core.documents import Agent, Contract
from sidecar.core.schema import check_schema
from sidecar.core.turn import binding_digest
from sidecar.errors import Problem
from sidecar.stores import documents
from sidecar.tools.http import signing_secret

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


class Doors:
    """The four calls that agents and tools share."""

    def __init__(self, model: type[Agent] | type[Contract]) -> None:
        self.model = model

    def shown(self, name: str, version: int, document: Agent | Contract) -> dict[str, Any]:
        found = document.model_dump(mode="json") | {"name": name, "version": version}
        if isinstance(document, Contract):
            found["digest"] = binding_digest(document)
        return found

    async def list(self, ask: Ask) -> tuple[int, Any]:
        rows = await documents.listed(ask.app.loop.db, self.model)
        return 200, {documents.FOLDER[self.model]: [self.shown(*row) for row in rows]}

    async def get(self, ask: Ask) -> tuple[int, Any]:
        name = ask.path["name"]
        version, document = await documents.get(ask.app.loop.db, self.model, name)
        return 200, self.shown(name.partition("@")[0], version, document)

    async def put(self, ask: Ask) -> tuple[int, Any]:
        name, document = ask.path["name"], ask.body
        if not NAME.fullmatch(name):
            remedy = "A letter or _, then letters, digits, _ and -; 64 at the most."
            raise Problem("validation", f"{name!r} is no name", field="name", remedy=remedy)
        for field in ("input_schema", "output_schema"):
            if getattr(document, field, None) is not None:
                check_schema(getattr(document, field), field)
        version = await documents.put(ask.app.loop.db, name, document)
        shown = self.shown(name, version, document)
        if isinstance(document, Contract) and document.config.envelope:
            shown["signing_secret"] = signing_secret(ask.app.secret, name)
        return 200, shown

    async def delete(self, ask: Ask) -> tuple[int, Any]:
        await documents.retire(ask.app.loop.db, self.model, ask.path["name"])
        return 204, None


async def get_models(ask: Ask) -> tuple[int, Any]:
    configured = ask.app.loop.wires
    rows = [
        row.model_dump(mode="json") | {"configured": row.provider in configured}
        for row in documents.built_in()[1]
    ]
    return 200, {"models": rows}
