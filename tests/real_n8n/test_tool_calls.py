"""Tools that the workflow runs itself, and agents that are defined in the node."""

from typing import Any

import pytest
from n8n import CREDENTIAL
from stack import Stack

from tests.real_n8n import workflows
from tests.real_n8n.workflows import Workflow, accepted, asked, code, end, made, turn, webhook

CRM = {
    "kind": "caller",
    "description": "Looks a customer up in the CRM",
    "input_schema": {
        "type": "object",
        "properties": {"email": {"type": "string"}},
        "required": ["email"],
    },
    "output_schema": {"type": "object", "required": ["name"]},
    "side_effects": "none",
}
MESSAGE = "I am Ada Lovelace, ada@example.com. What do I owe you?"
JSON = {"specify": "json", "resultsJson": "={{ $('In').item.json.body.results }}"}
ENTRY = {"call": "={{ $json.calls[0].call }}", "outcome": "={{ $('In').item.json.body.outcome }}"}
ENTRY |= {
    "result": '={"name": "Ada Lovelace", "owes": 42}',
    "code": "no_crm",
    "message": "It is down",
}
FIELDS = {"specify": "fields", "results": {"entries": [ENTRY]}}


@pytest.fixture
def desk(up: Stack) -> Stack:
    up.sidecar.must("PUT", "/v1/tools/crm", CRM)
    up.sidecar.must("PUT", "/v1/agents/with-crm", {"instructions": "Look up.", "tools": ["crm"]})
    return up


def answering(stack: Stack, path: str, sent: dict[str, Any], **how: Any) -> Workflow:
    """A turn, and behind its Tool Calls the results that are sent."""
    send = turn("Send", operation="sendToolResults", **sent, **how)
    nodes = [
        webhook(path),
        accepted(),
        asked(**how),
        send,
        end("Reply"),
        end("Failed"),
        end("Again"),
    ]
    edges = [("In", 0, "Accepted"), ("Accepted", 0, "Turn"), ("Turn", 2, "Send")]
    outputs = [("Send", 0, "Reply"), ("Send", 1, "Failed"), ("Send", 2, "Again")]
    return made(stack, path, nodes, [*edges, *outputs])


@pytest.mark.parametrize("way", ["auto", "hold", "suspend"])
@pytest.mark.parametrize("outcome", ["result", "error"])
def test_what_the_workflow_made_of_a_call_reaches_the_agent(
    desk: Stack, way: str, outcome: str
) -> None:
    workflow = answering(desk, f"answer-{way}-{outcome}", FIELDS, waiting=way)
    body = {"agent": "with-crm", "message": MESSAGE, "who": "Ada", "outcome": outcome}
    execution = workflow.run(body)
    open_call = workflow.item(execution, "Turn")
    assert (open_call["status"], open_call["error"]) == ("waiting", None)
    (asked_for,) = open_call["calls"]
    assert (asked_for["tool"], asked_for["arguments"]) == ("crm", {"email": "ada@example.com"})
    item = workflow.item(execution, "Reply")
    assert (item["status"], item["who"], item["run"]) == ("completed", "Ada", open_call["run"])
    (call,) = item["tool_calls"]
    assert call["call"] == asked_for["call"]
    if outcome == "result":
        assert (call["status"], call["result"]) == ("done", {"name": "Ada Lovelace", "owes": 42})
    else:
        assert call["error"] == {"code": "no_crm", "message": "It is down"}


def test_a_call_that_is_left_out_leaves_by_tool_calls_again(desk: Stack) -> None:
    desk.sidecar.must("PUT", "/v1/tools/erp", CRM | {"description": "The same in the ERP"})
    both = {"instructions": "Look up in crm and erp.", "tools": ["crm", "erp"]}
    desk.sidecar.must("PUT", "/v1/agents/with-both", both)
    workflow = answering(desk, "again", FIELDS, waiting="suspend")
    body = {"agent": "with-both", "message": MESSAGE, "who": "Ada", "outcome": "result"}
    execution = workflow.run(body)
    first, other = workflow.item(execution, "Turn")["calls"]
    item = workflow.item(execution, "Again")
    assert ([first["tool"], other["tool"]], item["calls"]) == (["crm", "erp"], [other])
    assert [call["status"] for call in item["tool_calls"]] == ["done", "pending"]
    assert (item["status"], item["who"]) == ("waiting", "Ada")
    rest = {"results": [{"call": other["call"], "result": {"name": "Ada"}}]}
    told = desk.sidecar.must("POST", f"/v1/runs/{item['run']}/tool-results", rest)
    assert told["status"] == "completed"


# What is sent, and the words that say what is wrong with it.
WRONG = [
    ("no-list", [], "is an empty list"),
    ("no-call", [{"result": 1}], "at place 1 an object without the text"),
    ("unknown", [{"call": "9.9", "result": {"name": "A"}}], "the caller was not asked for 9.9"),
    ("misfit", [{"call": "3.0", "result": 42}], "results:"),
]


@pytest.mark.parametrize(("name", "results", "said"), WRONG)
def test_results_that_cannot_be_taken_stop_the_workflow_and_say_why(
    desk: Stack, name: str, results: Any, said: str
) -> None:
    workflow = answering(desk, f"wrong-{name}", JSON, waiting="hold")
    execution = workflow.run({"agent": "with-crm", "message": MESSAGE, "results": results})
    assert desk.n8n.status(execution) == "error"
    assert said in desk.n8n.execution(execution)["data"]


def test_an_agent_that_is_defined_in_the_node_has_its_tools_persona_and_limits(
    desk: Stack,
) -> None:
    options = {"models": ["openai/gpt-6-luna"], "modelCalls": 3}
    inline = {
        "agentSource": "inline",
        "instructions": "Answer what the customer asks.",
        "persona": "You are Mira.",
        "agentTools": ["crm"],
        "agentOptions": options,
        "message": MESSAGE,
    }
    sends = {"operation": "sendToolResults", **FIELDS}
    nodes = [webhook("inline"), accepted(), turn(**inline), turn("Send", **sends), end("Reply")]
    edges = [("In", 0, "Accepted"), ("Accepted", 0, "Turn"), ("Turn", 2, "Send")]
    workflow = made(desk, "inline", nodes, [*edges, ("Send", 0, "Reply")])
    execution = workflow.run({"who": "Ada", "outcome": "result"})
    item = workflow.item(execution, "Reply")
    assert (item["status"], item["agent"], item["who"]) == ("completed", "inline@0", "Ada")
    assert item["tool_calls"][0]["tool"] == "crm"
    assert desk.simulator
    asked_of_model = desk.simulator.get("/_sim/requests")["requests"]
    assert all("You are Mira." in request["raw"] for request in asked_of_model)
    verdict = desk.sidecar.must("POST", f"/v1/runs/{item['run']}/replay", {})
    assert verdict["verdict"] == "identical"


def test_the_panel_offers_the_tools_of_the_sidecar_and_marks_those_of_the_caller(
    desk: Stack,
) -> None:
    def offered(method: str) -> dict[str, str]:
        kind = {"name": "n8n-nodes-agentrt.agentTurn", "version": 1}
        credential = {"agentRtApi": {"id": CREDENTIAL, "name": "agentrt sidecar"}}
        body = {"path": "", "nodeTypeAndVersion": kind, "currentNodeParameters": {}}
        body |= {"methodName": method, "credentials": credential}
        found = desk.n8n.rest.must("POST", "/rest/dynamic-node-parameters/options", body)["data"]
        return {one["value"]: one["name"] for one in found}

    tools, models = offered("loadTools"), offered("loadModelNames")
    assert (tools["crm"], tools["enrich"]) == ("crm (answered by this workflow)", "enrich")
    assert "openai/gpt-6-luna" in models and "" not in models


def test_what_is_left_empty_in_an_agent_that_is_defined_here_is_told_by_its_name(
    desk: Stack,
) -> None:
    empty = {"agentSource": "inline", "instructions": "={{ '' }}", "message": "Hello"}
    nodes = [webhook("empty"), accepted(), turn(**empty)]
    workflow = made(desk, "empty", nodes, [("In", 0, "Accepted"), ("Accepted", 0, "Turn")])
    execution = workflow.run({})
    assert desk.n8n.status(execution) == "error"
    assert '"Instructions\\" is empty' in desk.n8n.execution(execution)["data"]


def test_a_loop_over_the_calls_is_a_tool_desk(desk: Stack) -> None:
    """Tool Calls → one item for each call → its result → one list → Send Tool Results."""
    split = workflows.node(
        "Each call", "n8n-nodes-base.splitOut", 1, fieldToSplitOut="calls", options={}
    )
    text = "({ json }) => ({ json: { call: json.call, result: { name: json.tool } } })"
    look = code("CRM", f"return $input.all().map({text});")
    gather = {"aggregate": "aggregateAllItemData", "destinationFieldName": "results", "options": {}}
    listed = workflows.node("List", "n8n-nodes-base.aggregate", 1, **gather)
    sends = {"specify": "json", "resultsJson": "={{ $json.results }}"}
    sends["run"] = "={{ $('Turn').item.json.run }}"
    nodes = [webhook("tool-desk"), accepted(), asked(waiting="suspend"), split, look, listed]
    send = turn("Send", operation="sendToolResults", waiting="suspend", **sends)
    edges = [("In", 0, "Accepted"), ("Accepted", 0, "Turn"), ("Turn", 2, "Each call")]
    edges += [
        ("Each call", 0, "CRM"),
        ("CRM", 0, "List"),
        ("List", 0, "Send"),
        ("Send", 0, "Reply"),
    ]
    workflow = made(desk, "tool-desk", [*nodes, send, end("Reply")], edges)
    body = {"agent": "with-crm", "message": MESSAGE, "who": "Ada"}
    item = workflow.item(workflow.run(body), "Reply")
    assert item["tool_calls"][0]["result"] == {"name": "crm"}
