"""The configuration, as its users put and get it."""

import secrets
from typing import Any

from sidecar.api.door import Ask
from sidecar.core.documents import Contract, Document, Hook, Key, Policy
from sidecar.core.schema import check_schemas
from sidecar.core.turn import binding_digest
from sidecar.stores import documents
from sidecar.tools.http import signing_secret


class Doors:
    """The four calls that every kind of document has."""

    def __init__(self, model: type[Document]) -> None:
        self.model, self.folder = model, documents.FOLDER[model]

    def prefix(self, ask: Ask) -> str:
        """Hooks are a customer's own: nobody else names them."""
        return f"{ask.customer}/" if self.model is Hook else ""

    def name(self, ask: Ask) -> str:
        return self.prefix(ask) + ("/".join(ask.request.match_info.values()) or self.folder)

    def ref(self, ask: Ask) -> str:
        version = f"@{ask.given.version}" if ask.given.version else ""
        return self.name(ask) + version

    def shown(self, ask: Ask, document: Document) -> dict[str, Any]:
        digest = {"digest": binding_digest(document)} if isinstance(document, Contract) else {}
        told = document.model_dump(mode="json") | digest
        return told | {"name": document.name.removeprefix(self.prefix(ask))}

    async def list(self, ask: Ask) -> tuple[int, Any]:
        found = await documents.listed(ask.app.loop.db, self.model, self.prefix(ask))
        return 200, {self.folder: [self.shown(ask, one) for one in found.values()]}

    async def get(self, ask: Ask) -> tuple[int, Any]:
        found = await documents.get(ask.app.loop.db, self.model, self.ref(ask))
        return 200, self.shown(ask, found)

    async def put(self, ask: Ask) -> tuple[int, Any]:
        """With the secret that goes with it, which is told here only."""
        check_schemas(ask.given)
        if isinstance(ask.given, Policy):
            await documents.check_policy(ask.app.loop.db, ask.given)
        given, told, key = ask.given.model_copy(update={"name": self.name(ask)}), {}, ""
        if self.model is Key:
            told["key"] = key = secrets.token_urlsafe(32)
        if self.model in (Hook, Key) or getattr(getattr(given, "config", None), "envelope", False):
            whose = f"{self.folder.removesuffix('s')}:{given.name}"
            told["signing_secret"] = signing_secret(ask.app.secret, whose)
        return 200, self.shown(ask, await documents.put(ask.app.loop.db, given, key)) | told

    async def delete(self, ask: Ask) -> tuple[int, Any]:
        found = await documents.get(ask.app.loop.db, self.model, self.ref(ask))
        if not found.version and self.model is not Policy:
            await documents.put(ask.app.loop.db, found)  # a built-in, so that it can be retired
        name, _, version = self.ref(ask).partition("@")
        await ask.app.loop.db("retire", kind=self.folder, name=name, version=int(version or 0))
        return 204, None
