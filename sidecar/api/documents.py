"""Agents, tools and models: the configuration, as its users put and get it."""

from typing import Any

from sidecar.api.door import Ask, validated
from sidecar.core.documents import Agent, Contract
from sidecar.core.schema import check_schema
from sidecar.core.turn import binding_digest
from sidecar.stores import documents
from sidecar.tools.http import signing_secret


class Doors:
    """The four calls that agents and tools share."""

    def __init__(self, model: type[Any]) -> None:
        self.model = model

    def shown(self, document: Agent | Contract) -> dict[str, Any]:
        digest = {"digest": binding_digest(document)} if isinstance(document, Contract) else {}
        return document.model_dump(mode="json") | digest

    async def list(self, ask: Ask) -> tuple[int, Any]:
        found = await documents.listed(ask.app.loop.db, self.model)
        return 200, {documents.FOLDER[self.model]: [self.shown(one) for one in found]}

    async def get(self, ask: Ask) -> tuple[int, Any]:
        found = await documents.get(ask.app.loop.db, self.model, ask.path["name"])
        return 200, self.shown(found)

    async def put(self, ask: Ask) -> tuple[int, Any]:
        given = validated(self.model, ask.body.model_dump() | {"name": ask.path["name"]})
        for field in ("input_schema", "output_schema"):
            if getattr(given, field, None) is not None:
                check_schema(getattr(given, field), field)
        shown = self.shown(await documents.put(ask.app.loop.db, given))
        if isinstance(given, Contract) and given.config.envelope:
            shown["signing_secret"] = signing_secret(ask.app.secret, given.name)
        return 200, shown

    async def delete(self, ask: Ask) -> tuple[int, Any]:
        await self.get(ask)
        kind, name = documents.FOLDER[self.model], ask.path["name"]
        await ask.app.loop.db("retire", kind=kind, name=name)
        return 204, None


async def get_models(ask: Ask) -> tuple[int, Any]:
    _, rows = documents.built_in()
    return 200, {"models": [row.model_dump(mode="json") for row in rows]}
