"""Agent Turn waits in two ways and leaves by three outputs, whatever happens meanwhile."""

from typing import Any

import pytest
from stack import Stack

from sidecar.extras.children import until
from tests.real_n8n import workflows
from tests.real_n8n.beneath import callback_of, executions
from tests.real_n8n.workflows import (
    PLAIN,
    SETTLED_S,
    Workflow,
    accepted,
    asked,
    code,
    made,
    node,
    reference,
    turn,
    webhook,
)

TOOL_TRIGGER = "n8n-nodes-agentrt.agentToolTrigger"
WAYS = ("auto", "hold", "suspend")
SLOW = {"kind": "delay", "ms": 1500}


# The output, the agent that leaves by it, what the simulator is told, and the run's status.
OUTPUTS = [
    ("Reply", "plain", [SLOW], "completed"),
    ("Failed", "plain", [{"kind": "refusal"}], "failed"),
    ("Tool calls", "with-crm", [SLOW], "waiting"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("output", "agent", "faults", "status"), OUTPUTS)
def test_every_way_of_waiting_leaves_by_every_output(
    up: Stack,
    ways: dict[str, Workflow],
    way: str,
    output: str,
    agent: str,
    faults: Any,
    status: str,
) -> None:
    assert up.simulator
    up.simulator.must("POST", "/_sim/faults", faults)
    workflow = ways[way]
    execution = workflow.run({"agent": agent, "message": "I am ada@example.com", "who": "Ada"})
    item = workflow.item(execution, output)
    assert (item["status"], item["who"]) == (status, "Ada")
    assert item["cost_usd"] > 0 and item["tokens"] > 0 and item["simulated"] is True
    assert (item["repairs"], item["failovers"], item["model"]) == (0, 0, "gpt-6-luna")
    others = {"Reply", "Failed", "Tool calls"} - {output}
    assert [up.n8n.items(execution, name) for name in others] == [[], []]
    assert up.n8n.execution(execution)["customData"]["agentrt_run"] == item["run"]
    assert bool(callback_of(up, item["run"])) == (way == "suspend")


def test_a_suspended_execution_waits_and_a_held_one_runs(
    up: Stack, ways: dict[str, Workflow]
) -> None:
    assert up.simulator
    up.simulator.must("POST", "/_sim/faults", [SLOW, SLOW])
    body = {"agent": "plain", "message": "Hello", "who": "Ada"}
    asleep = ways["suspend"].start(body)
    assert ways["suspend"].reached(asleep, "waiting", *workflows.OVER) == "waiting"
    held = ways["hold"].start(body)  # n8n runs one at a time: the one that sleeps is not counted
    assert ways["hold"].reached(held, "running", "waiting", *workflows.OVER) == "running"
    assert ways["hold"].reached(held, "waiting", *workflows.OVER) == "success"
    assert ways["suspend"].reached(asleep, *workflows.OVER) == "success"


def test_an_agent_with_workflow_tools_suspends_by_itself(
    up: Stack, ways: dict[str, Workflow]
) -> None:
    """Its tool runs in the only place that n8n has, while the turn sleeps."""
    workflow = ways["auto"]
    message = "Ada Lovelace, ada@northwind-logistics.example, asks for a demo"
    execution = workflow.run({"agent": "lead-desk", "message": message, "who": "Ada"})
    item = workflow.item(execution, "Reply")
    (call,) = item["tool_calls"]
    assert (call["tool"], call["status"]) == ("enrich", "done")
    assert callback_of(up, item["run"])


def test_an_agent_that_is_a_tool_of_another_sleeps_too_and_its_respond_node_answers(
    up: Stack, ways: dict[str, Workflow]
) -> None:
    """Three workflows deep, in the one place that n8n has."""
    schema = '{"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}'
    tool = {"toolName": "ask_desk", "toolDescription": "Asks the desk", "inputSchema": schema}
    how = {"outputSchema": '{"type": "object"}', "sideEffects": "none", "timeoutS": 60}
    started = node("In", TOOL_TRIGGER, 1, **tool, **how, responseMode="responseNode")
    started["credentials"] = turn()["credentials"]
    answer = {"respondWith": "json", "responseBody": "={{ { run: $json.run, said: $json.text } }}"}
    respond = node("Answer", "n8n-nodes-base.respondToWebhook", 1.4, **answer, options={})
    asks = turn(agent=reference("lead-desk"), message="={{ $json.text }}")
    # n8n's Respond node wants a Webhook node above it, be it one that is deactivated.
    above = webhook("never") | {"id": "never-node", "name": "Never", "disabled": True}
    edges = [("In", 0, "Turn"), ("Turn", 0, "Answer"), ("Never", 0, "Answer")]
    made(up, "ask-desk", [started, asks, respond, above], edges)
    assert until(lambda: up.sidecar.answers("/v1/tools/ask_desk"), SETTLED_S)
    up.sidecar.must("PUT", "/v1/agents/front", PLAIN | {"tools": ["ask_desk"]})
    body = {"agent": "front", "message": "I am ada@northwind-logistics.example", "who": "Ada"}
    item = ways["auto"].item(ways["auto"].run(body), "Reply")
    (call,) = item["tool_calls"]
    assert (call["tool"], call["status"]) == ("ask_desk", "done"), str(call)
    assert callback_of(up, item["run"]) and callback_of(up, call["result"]["run"])


def test_each_item_of_a_loop_is_suspended_for(up: Stack) -> None:
    up.sidecar.must("PUT", "/v1/agents/plain", PLAIN)
    three = code("Three", "return ['a', 'b', 'c'].map((name) => ({ json: { name } }));")
    loop = node("Loop", "n8n-nodes-base.splitInBatches", 3, options={})
    agent = reference("plain")
    each = turn(agent=agent, message="=Greet {{ $json.name }}", waiting="suspend")
    nodes = [webhook("loop"), accepted(), three, loop, each]
    edges = [("In", 0, "Accepted"), ("Accepted", 0, "Three"), ("Three", 0, "Loop")]
    workflow = made(up, "loop", nodes, [*edges, ("Loop", 1, "Turn"), ("Turn", 0, "Loop")])
    execution = workflow.run({})
    runs = {item["run"] for item in up.n8n.items(execution, "Loop")}
    assert len(runs) == 3 and all(callback_of(up, run) for run in runs)


def test_several_items_are_held_and_the_node_says_so(up: Stack) -> None:
    up.sidecar.must("PUT", "/v1/agents/plain", PLAIN)
    two = code("Two", "return ['a', 'b'].map((name) => ({ json: { name } }));")
    agent = reference("plain")
    both = turn(agent=agent, message="=Greet {{ $json.name }}", waiting="suspend")
    edges = [("In", 0, "Accepted"), ("Accepted", 0, "Two"), ("Two", 0, "Turn")]
    workflow = made(up, "several", [webhook("several"), accepted(), two, both], edges)
    execution = workflow.run({})
    items = up.n8n.items(execution, "Turn")
    assert [item["status"] for item in items] == ["completed", "completed"]
    assert not any(callback_of(up, item["run"]) for item in items)
    assert "one turn only" in up.n8n.execution(execution)["data"]


# What n8n cannot do with a suspended execution: how it starts, and what the node says.
REFUSED = [
    (
        [webhook("hasty", "lastNode")],
        "hasty",
        "answers its caller as soon as the execution falls asleep",
    ),
]


@pytest.mark.parametrize(("nodes", "path", "said"), REFUSED)
def test_what_n8n_cannot_do_is_refused(up: Stack, nodes: Any, path: str, said: str) -> None:
    up.sidecar.must("PUT", "/v1/agents/plain", PLAIN)
    workflow = made(up, path, [*nodes, asked(waiting="suspend")], [("In", 0, "Turn")])
    body = {"agent": "plain", "message": "Hello"}
    assert until(lambda: up.n8n.rest.ask("POST", f"/webhook/{path}", body).status == 500, 60)
    (execution, *_) = executions(up, workflow.id)
    assert execution["status"] == "error"
    assert said in up.n8n.execution(execution["id"])["data"]


def test_a_sub_workflow_holds_or_refuses(up: Stack) -> None:
    """n8n goes on with the caller when the first of several sub-workflows wakes up."""
    up.sidecar.must("PUT", "/v1/agents/plain", PLAIN)
    started = node("In", "n8n-nodes-base.executeWorkflowTrigger", 1.1, inputSource="passthrough")
    agent = reference("plain")
    for way, status in (("auto", "success"), ("suspend", "error")):
        inner = made(
            up,
            f"inner-{way}",
            [started, turn(agent=agent, message="Hello", waiting=way)],
            [("In", 0, "Turn")],
        )
        call = node(
            "Call",
            "n8n-nodes-base.executeWorkflow",
            1.2,
            workflowId=reference(inner.id, "id"),
            options={},
        )
        path = f"outer-{way}"
        edges = [("In", 0, "Accepted"), ("Accepted", 0, "Call")]
        outer = made(up, path, [webhook(path), accepted(), call], edges)
        execution = outer.run({})
        assert up.n8n.status(execution) == status
        said = up.n8n.execution(execution)["data"]
        assert ("this is a sub-workflow" in said) == (way == "suspend")
