"""A running n8n, asked by REST as its owner."""

import json
from typing import Any

from progress import Failed
from rest import Rest

from sidecar.extras.children import until

TRIGGER_TIMEOUT_S = 60


class N8n:
    def __init__(self, url: str, owner: dict[str, str]) -> None:
        self.url, self.owner = url, owner
        self.rest = Rest(url, **{"browser-id": "agentrt"})
        login = {"emailOrLdapLoginId": owner["email"], "password": owner["password"]}
        self.rest.must("POST", "/rest/login", login)

    def publish(self, workflow: str) -> None:
        found = self.rest.get(f"/rest/workflows/{workflow}")["data"]
        if found.get("activeVersionId") != found["versionId"]:
            version = {"versionId": found["versionId"]}
            self.rest.must("POST", f"/rest/workflows/{workflow}/activate", version)

    def unpublish(self, workflow: str) -> None:
        self.rest.must("POST", f"/rest/workflows/{workflow}/deactivate", {})

    def webhook(self, path: str, body: object) -> Any:
        """The production webhook, which is there a moment after publishing; 404 starts nothing."""
        answers: list[Any] = []

        def posted() -> bool:
            answers.append(self.rest.ask("POST", f"/webhook/{path}", body))
            return answers[-1].status != 404

        if not until(posted, TRIGGER_TIMEOUT_S) or answers[-1].status >= 300:
            raise Failed(f"The webhook {path} of n8n answered {answers[-1]}")
        return answers[-1].body

    def execution(self, execution: str) -> dict[str, Any]:
        return self.rest.get(f"/rest/executions/{execution}")["data"]

    def status(self, execution: str) -> str:
        return self.execution(execution)["status"]

    def items(self, execution: str, node: str) -> list[dict[str, Any]]:
        """What that node put out on its first used output; none if it did not run."""
        ran = unflattened(self.execution(execution)["data"])["resultData"]["runData"].get(node)
        outputs = ran[-1]["data"]["main"] if ran else []
        return [item["json"] for item in next(filter(None, outputs), [])]


def unflattened(text: str) -> Any:
    """n8n keeps run data in the `flatted` form: a list, with indices as strings for values."""
    values: list[Any] = json.loads(text)
    made: dict[int, Any] = {}

    def at(index: int) -> Any:
        value = values[index]
        if index not in made and isinstance(value, dict):
            made[index] = {}
            made[index].update((key, resolved(inner)) for key, inner in value.items())
        elif index not in made and isinstance(value, list):
            made[index] = []
            made[index].extend(resolved(inner) for inner in value)
        return made.get(index, value)

    def resolved(inner: Any) -> Any:
        return at(int(inner)) if isinstance(inner, str) else inner

    return at(0)
