"""The example: new lead, enrich, draft reply, approval queue, approved; then the run replayed."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from progress import Failed, say
from stack import Stack

from sidecar.extras.children import until

AGENT = {
    "instructions": (
        "You answer new leads. First look the lead's company up with the tool enrich. Then draft "
        "a short, friendly reply that takes up what the lead asks and what you found out."
    ),
    "tools": ["enrich"],
}
LEAD = {
    "name": "Mira Holm",
    "email": "mira.holm@northwind-logistics.example",
    "company": "Northwind Logistics Ltd",
    "text": "We want to automate our quotes. Could we see a demo next week?",
}
LEAD_DESK, ENRICH_LEAD = "leaddesk00000001", "enrichlead000001"
TURN_TIMEOUT_S = 180
OVER = ("success", "error", "crashed", "canceled")
AT_REST = ("waiting", *OVER)


@dataclass(frozen=True, slots=True)
class Outcome:
    execution: str
    draft: dict[str, Any]
    run: dict[str, Any]
    replay: dict[str, Any]


def publish(stack: Stack) -> None:
    """The agent and both workflows; then the tool that the second one is stands at the sidecar."""
    stack.sidecar.must("PUT", "/v1/agents/lead-desk", AGENT)
    for workflow in (ENRICH_LEAD, LEAD_DESK):
        stack.n8n.publish(workflow)
    if not until(partial(_is_offered, stack), 60):
        raise Failed("The tool enrich was not registered; the log is n8n.log under AGENTRT_DATA.")


def _is_offered(stack: Stack) -> bool:
    """At the address that n8n has now: another port may have been its last time."""
    tool = stack.sidecar.ask("GET", "/v1/tools/enrich")
    url = tool.body["config"]["url"] if tool.status == 200 else ""
    return url.startswith(stack.n8n.url)


def play(stack: Stack, lead: dict[str, str] = LEAD) -> Outcome:
    execution = str(stack.n8n.webhook("new-lead", lead)["execution"])
    say(f"  new lead: execution {execution} of the workflow Lead desk")
    draft = _waiting(stack, execution)
    say(f"  execution {execution}: waiting in the approval queue with {draft['subject']!r}")
    stack.n8n.rest.must("POST", draft["approve_url"], {})
    _settle(stack, execution, "success")
    say(f"  execution {execution}: success, approved through its resume URL")
    run = stack.sidecar.get(f"/v1/runs/{draft['run']}")
    replay = stack.sidecar.must("POST", f"/v1/runs/{draft['run']}/replay", {})
    return Outcome(execution, draft, run, replay)


def _waiting(stack: Stack, execution: str) -> dict[str, Any]:
    """The draft in the queue. The execution sleeps while the agent works, too."""

    def drafts() -> list[dict[str, Any]]:
        return stack.n8n.items(execution, "Ask for approval")

    until(lambda: bool(drafts()) or stack.n8n.status(execution) in OVER, TURN_TIMEOUT_S)
    _settle(stack, execution, "waiting")
    return drafts()[0]


def _settle(stack: Stack, execution: str, wanted: str) -> None:
    """Until it stands at the wanted state; another state of rest says what went wrong."""
    others = [status for status in AT_REST if status not in (wanted, "waiting")]
    seen = [""]

    def there() -> bool:
        seen[0] = stack.n8n.status(execution)
        return seen[0] == wanted or seen[0] in others

    until(there, TURN_TIMEOUT_S)
    if seen[0] != wanted:
        why = stack.n8n.items(execution, "Needs a human")
        raise Failed(f"Execution {execution} is {seen[0]}, not {wanted}. {why[0] if why else ''}")
