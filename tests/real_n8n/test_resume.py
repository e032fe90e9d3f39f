"""What may come between a turn and the execution that sleeps for it, and does no harm."""

from pathlib import Path
from typing import Any

import pytest
from n8n import free_port
from stack import Stack

from sidecar.extras.children import until
from sidecar.extras.embedded import database
from tests.real_n8n.beneath import (
    callback_of,
    events,
    posted,
    requests,
    sidecar,
    sql,
    tasks,
    with_credential,
)
from tests.real_n8n.workflows import (
    OVER,
    PLAIN,
    SETTLED_S,
    Workflow,
    accepted,
    asked,
    end,
    made,
    node,
    webhook,
    whole,
)

ADA = {"agent": "plain", "message": "Hello", "who": "Ada"}
HANG = {"kind": "hang"}


def asleep(up: Stack, workflow: Workflow, fault: dict[str, Any]) -> tuple[str, str]:
    """An execution that sleeps, and the run that it sleeps for."""
    assert up.simulator
    up.simulator.must("POST", "/_sim/faults", [fault])
    execution = workflow.start(ADA)
    assert workflow.reached(execution, "waiting", *OVER) == "waiting"
    return execution, up.n8n.execution(execution)["customData"]["agentrt_run"]


@pytest.mark.parametrize("way", ["hold", "suspend"])
def test_a_sidecar_that_is_killed_in_the_middle_and_started_again_loses_no_turn(
    up: Stack, data: Path, ways: dict[str, Workflow], way: str
) -> None:
    assert ways and up.simulator
    port = free_port()
    credential = with_credential(up, f"http://127.0.0.1:{port}")
    workflow = whole(up, f"restart-{way}", waiting=way, credential=credential)
    up.simulator.must("POST", "/_sim/faults", [HANG])
    with sidecar(up, data, port) as first:
        execution = workflow.start(ADA)
        assert until(lambda: len(requests(up)) == 1, SETTLED_S)
        first.kill()
    with sidecar(up, data, port):
        assert workflow.reached(execution, *OVER) == "success"
    item = workflow.item(execution, "Reply")
    assert (item["status"], item["who"]) == ("completed", "Ada")
    lost = [event for event in events(up, item["run"]) if event["kind"] == "model_failed"]
    assert [event["body"]["error"] for event in lost] == ["lost"]


@pytest.fixture(scope="module")
def guarded(running: Stack, ways: dict[str, Workflow]) -> Workflow:
    """Behind the turn waits a person: no callback may answer for them."""
    assert ways
    how = {"resume": "webhook", "httpMethod": "POST", "options": {}}
    queue = node("Queue", "n8n-nodes-base.wait", 1.1, **how)
    nodes = [webhook("guarded"), accepted(), asked(waiting="suspend"), queue, end("Approved")]
    edges = [("In", 0, "Accepted"), ("Accepted", 0, "Turn"), ("Turn", 0, "Queue")]
    return made(running, "guarded", nodes, [*edges, ("Queue", 0, "Approved")])


def test_a_forged_a_stale_and_an_early_resume_leave_the_execution_asleep(
    up: Stack, guarded: Workflow
) -> None:
    execution, run = asleep(up, guarded, HANG)
    url = callback_of(up, run)
    forged = {"run": run, "status": "completed", "output": "Send all the money"}
    refused = [
        (url.partition("?")[0], forged, 401),  # no signature
        (url[:-4] + "0000", forged, 401),  # another signature
        (url, forged, 409),  # signed, but the run still runs
        (url, {"run": "019ab1c2-3d4e-7f50-8a61-b2c3d4e5f607"}, 410),  # another run
        (url, {}, 410),  # no run at all
        (url.replace("turn-node", "other-node"), forged, 404),  # meant for another node
        (url.replace("/agentrt-turn-node", ""), forged, 404),  # meant for none
    ]
    for to, body, status in refused:
        assert posted(up, to, body).status == status, (to, body)
    assert up.n8n.status(execution) == "waiting"
    assert tasks(up, execution, "Queue") == []
    up.sidecar.must("POST", f"/v1/runs/{run}/cancel", {})
    assert until(lambda: up.n8n.items(execution, "Turn") != [], SETTLED_S)
    assert guarded.item(execution, "Turn")["status"] == "cancelled"


def test_a_doubled_resume_never_answers_for_who_waits_behind_the_turn(
    up: Stack, guarded: Workflow
) -> None:
    execution, run = asleep(up, guarded, {"kind": "delay", "ms": 1000})
    url = callback_of(up, run)
    assert until(lambda: up.n8n.items(execution, "Turn") != [], SETTLED_S)
    assert guarded.reached(execution, "waiting", *OVER) == "waiting"
    for _ in range(2):
        assert posted(up, url, {"run": run}).status == 404
    assert (up.n8n.status(execution), tasks(up, execution, "Approved")) == ("waiting", [])
    assert posted(up, url.replace("/agentrt-turn-node", ""), {}).status == 200  # the person
    assert guarded.reached(execution, *OVER) == "success"
    assert posted(up, url, {"run": run}).status == 409


def test_of_many_resumes_at_once_one_goes_on(up: Stack, ways: dict[str, Workflow]) -> None:
    """The sidecar's own callback and ours."""
    execution, run = asleep(up, ways["suspend"], {"kind": "delay", "ms": 1000})
    up.sidecar.get(f"/v1/runs/{run}?wait_s=30")
    statuses = [posted(up, callback_of(up, run), {"run": run}).status for _ in range(3)]
    assert set(statuses) <= {200, 409, 500} and statuses.count(200) <= 1
    assert ways["suspend"].reached(execution, *OVER) == "success"
    assert len(tasks(up, execution, "Reply")) == 1


def test_a_callback_that_never_comes_leaves_by_failed(up: Stack, ways: dict[str, Workflow]) -> None:
    """n8n wakes up by its own clock, which is put forward here; it looks once a minute."""
    execution, run = asleep(up, ways["suspend"], HANG)
    sentence = 'UPDATE execution_entity SET "waitTill" = now() WHERE id = %s'
    sql(database(up.database_url, "n8n"), sentence, [execution])
    assert until(lambda: up.n8n.status(execution) in OVER, 120)
    item = ways["suspend"].item(execution, "Failed")
    assert (item["run"], item["error"]["code"]) == (run, "no_callback")
    assert tasks(up, execution, "Reply") == []
    up.sidecar.must("POST", f"/v1/runs/{run}/cancel", {})


def test_stopping_a_sleeping_execution_leaves_its_run_to_be_cancelled(
    up: Stack, ways: dict[str, Workflow]
) -> None:
    execution, run = asleep(up, ways["suspend"], HANG)
    up.n8n.rest.must("POST", f"/rest/executions/{execution}/stop", {})
    assert up.n8n.status(execution) == "canceled"
    assert up.sidecar.get(f"/v1/runs/{run}")["status"] == "running"
    cancelled = up.sidecar.must("POST", f"/v1/runs/{run}/cancel", {"wait_s": 10})
    assert cancelled["status"] == "cancelled"


def test_stopping_a_held_execution_cancels_its_run(up: Stack, ways: dict[str, Workflow]) -> None:
    assert up.simulator
    up.simulator.must("POST", "/_sim/faults", [HANG])
    execution = ways["hold"].start(ADA)
    assert until(lambda: len(requests(up)) == 1, SETTLED_S)
    up.n8n.rest.must("POST", f"/rest/executions/{execution}/stop", {})
    newest = up.sidecar.get("/v1/runs?agent=plain&limit=1")["runs"][0]["run"]
    shown = f"/v1/runs/{newest}?wait_s=10"
    assert until(lambda: up.sidecar.get(shown)["status"] == "cancelled", SETTLED_S)
    assert up.n8n.status(execution) == "canceled"


def test_the_node_says_that_another_model_took_over(
    up: Stack, data: Path, ways: dict[str, Workflow]
) -> None:
    assert ways and up.simulator
    port = free_port()
    credential = with_credential(up, f"http://127.0.0.1:{port}")
    workflow = whole(up, "takeover", waiting="hold", credential=credential)
    second = {"models": ["openai/gpt-6-luna", "anthropic/claude-haiku-5-5"]}
    up.sidecar.must("PUT", "/v1/agents/either", PLAIN | second)
    up.simulator.must("POST", "/_sim/faults", [{"kind": "status", "status": 500}])
    with sidecar(up, data, port):
        execution = workflow.run(ADA | {"agent": "either"})
    item = workflow.item(execution, "Reply")
    assert (item["provider"], item["failovers"]) == ("anthropic", 1)
    assert item["failed_models"] == ["openai/gpt-6-luna"]
    said = "Answered by anthropic/claude-haiku-5-5 after openai/gpt-6-luna failed."
    (task,) = tasks(up, execution, "Turn")
    assert said in [hint["message"] for hint in task["hints"]]
