"""The example workflow, started by its production webhook."""

from typing import Any

import example
from example import ENRICH_LEAD, LEAD
from n8n import CREDENTIAL
from stack import Stack

from sidecar.extras.children import until

OTHER = {
    "name": "Jon Ek",
    "email": "jon@fjord-analytics.example",
    "company": "Fjord Analytics",
    "text": "What does a licence for ten people cost?",
}
AT_REST = ("success", "error", "crashed", "canceled")


def settled(stack: Stack, lead: dict[str, str]) -> str:
    """The execution that the lead started, once it is over."""
    execution = str(stack.n8n.webhook("new-lead", lead)["execution"])
    assert until(lambda: stack.n8n.status(execution) in AT_REST, 60), execution
    return execution


def enrichment(run: dict[str, Any]) -> dict[str, Any]:
    (call,) = run["tool_calls"]
    assert (call["tool"], call["status"]) == ("enrich", "done"), call
    return call["result"]


def test_a_lead_is_enriched_drafted_approved_and_replayed(up: Stack) -> None:
    done = example.play(up)
    assert done.run["status"] == "completed" and done.run["simulated"] is True
    assert done.run["metadata"]["n8n_execution"] == done.execution
    assert float(done.run["cost_usd"]) > 0
    assert done.draft["subject"] == done.run["output"]["subject"]
    assert enrichment(done.run)["domain"] == "northwind-logistics.example"
    assert done.replay["verdict"] == "identical"
    (approved,) = up.n8n.items(done.execution, "Approved reply")
    assert approved["subject"] == done.draft["subject"]
    (verified,) = up.n8n.items(done.execution, "Replay")
    assert verified["verdict"] == "identical" and verified["run"] == done.run["run"]
    (item,) = up.n8n.items(done.execution, "Draft reply")
    assert item["model"] == done.run["model"] and item["simulated"] is True
    assert item["tokens"] > 0 and item["repairs"] == 0


def test_another_lead_has_another_enrichment_and_another_draft(up: Stack) -> None:
    one, other = example.play(up, LEAD), example.play(up, OTHER)
    assert enrichment(one.run) != enrichment(other.run)
    assert "Fjord Analytics" in str(other.run["output"])
    assert one.run["output"] != other.run["output"]


def test_a_run_that_fails_leaves_by_failed_with_its_code_and_remedy(up: Stack) -> None:
    assert up.simulator
    up.simulator.must("POST", "/_sim/faults", [{"kind": "refusal"}])
    execution = settled(up, LEAD)
    assert up.n8n.status(execution) == "success"
    assert up.n8n.items(execution, "Ask for approval") == []
    (item,) = up.n8n.items(execution, "Draft reply")
    assert item["status"] == "failed" and item["error"]["code"] == "refused"
    assert item["error"]["remedy"] and item["run"]


def test_where_no_run_exists_the_node_throws_and_says_why(up: Stack) -> None:
    up.sidecar.must("DELETE", "/v1/agents/lead-desk")
    execution = settled(up, LEAD)
    assert up.n8n.status(execution) == "error"
    assert "there is no agent lead-desk" in up.n8n.execution(execution)["data"]


def test_unpublishing_the_workflow_retires_its_tool_and_publishing_brings_it_back(
    up: Stack,
) -> None:
    up.n8n.unpublish(ENRICH_LEAD)
    assert until(lambda: not up.sidecar.answers("/v1/tools/enrich"), 30)
    up.n8n.publish(ENRICH_LEAD)
    assert until(lambda: up.sidecar.answers("/v1/tools/enrich"), 30)
    assert example.play(up).replay["verdict"] == "identical"


def test_a_call_of_the_tool_workflow_without_its_signature_is_refused(up: Stack) -> None:
    url = up.sidecar.get("/v1/tools/enrich")["config"]["url"]
    call = {"run": "r", "call": "1.0", "tool": "enrich", "customer": "default"}
    answer = up.n8n.rest.ask("POST", url, {**call, "arguments": {"email": "a@b.example"}})
    assert answer.status == 401, answer


def test_the_credential_is_tested_against_the_sidecar(up: Stack) -> None:
    def tested(key: str) -> str:
        data = {"baseUrl": up.sidecar.base, "apiKey": key}
        named = {"id": CREDENTIAL, "name": "agentrt sidecar", "type": "agentRtApi", "data": data}
        answer = up.n8n.rest.must("POST", "/rest/credentials/test", {"credentials": named})
        return answer["data"]["status"]

    key = up.sidecar.headers["authorization"].removeprefix("Bearer ")
    assert (tested(key), tested("wrong")) == ("OK", "Error")
