"""Small workflows around an Agent Turn, made and started by n8n's own REST calls."""

from dataclasses import dataclass
from typing import Any

from n8n import CREDENTIAL
from stack import Stack

from sidecar.extras.children import until

PLAIN = {"instructions": "Answer briefly."}
CRM = {
    "kind": "caller",
    "description": "Looks a customer up in the CRM",
    "input_schema": {"type": "object", "properties": {"email": {"type": "string"}}},
    "output_schema": {"type": "object", "required": ["name"]},
    "side_effects": "none",
}
SETTLED_S = 60
OVER = ("success", "error", "crashed", "canceled")
Node = dict[str, Any]
Edge = tuple[str, int, str]  # from that output to that node


@dataclass(frozen=True, slots=True)
class Workflow:
    stack: Stack
    id: str
    path: str

    def start(self, body: dict[str, Any]) -> str:
        """By its production webhook; the execution's id."""
        return str(self.stack.n8n.webhook(self.path, body)["execution"])

    def reached(self, execution: str, *statuses: str) -> str:
        seen = [""]

        def there() -> bool:
            seen[0] = self.stack.n8n.status(execution)
            return seen[0] in statuses

        assert until(there, SETTLED_S), (seen[0], statuses)
        return seen[0]

    def run(self, body: dict[str, Any]) -> str:
        """Started and over."""
        execution = self.start(body)
        self.reached(execution, *OVER)
        return execution

    def item(self, execution: str, node: str) -> dict[str, Any]:
        (item,) = self.stack.n8n.items(execution, node)
        return item


def node(name: str, kind: str, version: float, **parameters: Any) -> Node:
    identity = {"id": f"{name.lower().replace(' ', '-')}-node", "name": name}
    looks = {"type": kind, "typeVersion": version, "position": [0, 0]}
    return {**identity, **looks, "parameters": parameters, "webhookId": f"hook-{name}"}


def webhook(path: str, mode: str = "responseNode") -> Node:
    how = {"httpMethod": "POST", "path": path, "responseMode": mode, "options": {}}
    return node("In", "n8n-nodes-base.webhook", 2.1, **how)


def accepted() -> Node:
    """Tells the execution's id at once."""
    body = {"respondWith": "json", "responseBody": "={{ { execution: $execution.id } }}"}
    return node("Accepted", "n8n-nodes-base.respondToWebhook", 1.4, **body, options={})


def turn(name: str = "Turn", credential: str = CREDENTIAL, **parameters: Any) -> Node:
    made = node(name, "n8n-nodes-agentrt.agentTurn", 1, **parameters)
    return made | {"credentials": {"agentRtApi": {"id": credential, "name": "agentrt sidecar"}}}


def asked(**parameters: Any) -> Node:
    """A turn whose agent and message come with the webhook's body."""
    agent = reference("={{ $('In').item.json.body.agent }}")
    return turn(agent=agent, message="={{ $('In').item.json.body.message }}", **parameters)


def reference(value: str, mode: str = "name") -> dict[str, Any]:
    return {"__rl": True, "mode": mode, "value": value}


def end(name: str) -> Node:
    """Keeps the item, and says which item of the webhook it descends from."""
    value = "={{ $('In').item.json.body.who }}"
    assignment = {"id": "who", "name": "who", "value": value, "type": "string"}
    how = {"assignments": {"assignments": [assignment]}, "includeOtherFields": True, "options": {}}
    return node(name, "n8n-nodes-base.set", 3.4, **how)


def code(name: str, text: str) -> Node:
    return node(name, "n8n-nodes-base.code", 2, jsCode=text)


def made(stack: Stack, path: str, nodes: list[Node], edges: list[Edge]) -> Workflow:
    """A workflow that is published under its path."""
    about = {"name": path, "nodes": nodes, "connections": connections(edges), "active": False}
    body = about | {"settings": {"executionOrder": "v1"}}
    workflow = str(stack.n8n.rest.must("POST", "/rest/workflows", body)["data"]["id"])
    stack.n8n.publish(workflow)
    return Workflow(stack, workflow, path)


def connections(edges: list[Edge]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for start, output, target in edges:
        outputs = found.setdefault(start, {"main": []})["main"]
        outputs.extend([] for _ in range(output + 1 - len(outputs)))
        outputs[output].append({"node": target, "type": "main", "index": 0})
    return found


def whole(stack: Stack, path: str, **parameters: Any) -> Workflow:
    """A turn with a node behind each of its outputs."""
    nodes = [webhook(path), accepted(), asked(**parameters)]
    ends = [end(name) for name in ("Reply", "Failed", "Tool calls")]
    outputs = [("Turn", 0, "Reply"), ("Turn", 1, "Failed"), ("Turn", 2, "Tool calls")]
    edges = [("In", 0, "Accepted"), ("Accepted", 0, "Turn"), *outputs]
    return made(stack, path, [*nodes, *ends], edges)
