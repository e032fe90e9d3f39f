"""Which model next: a ranked list, with a reason for each model that is out."""

from collections.abc import Iterable

from sidecar.core.documents import ModelRow
from sidecar.core.events import ELSEWHERE, Candidate, Seen
from sidecar.core.run import Run

TROUBLES = 5  # in a row, no two of them 30 s apart: the circuit is open


def named(run: Run) -> Iterable[str]:
    """The agent's models, or else those of the first rule that matches; aliases followed."""
    agent, policy = run.setup.agent, run.setup.policy
    known = {"task": agent.task, "agent": run.started.agent.partition("@")[0]}
    rules = (rule.use for rule in policy.rules if rule.when.items() <= known.items())
    for ref in agent.models or [ref for tier in next(rules, ()) for ref in tier]:
        yield policy.aliases.get(ref, ref)


def row_of(models: Iterable[ModelRow], ref: str) -> ModelRow | None:
    """`ref` is `provider/id`, or a bare id."""
    return next((row for row in models if ref in (row.ref, row.model)), None)


def candidate(run: Run, ref: str, seen: Seen) -> Candidate:
    row = row_of(run.setup.models, ref)
    if row is None:
        return Candidate(model=ref, refused="unknown_model", failures=0)
    failed = [error for model, error in run.failures if model == row.ref and error != "lost"]
    dead = "failed_here" if any(error in ELSEWHERE for error in failed) else ""
    refused = dead if row.provider in seen.providers else "no_key"
    in_trouble = seen.troubles.get(row.provider, 0) >= TROUBLES
    return Candidate(model=row.ref, refused=refused, failures=len(failed), in_trouble=in_trouble)


def route(run: Run, seen: Seen) -> list[Candidate]:
    """Fewest failures in this step first, those in trouble behind, then the policy's order.

    A provider in trouble is still asked when there is no other. The refused come last.
    """
    listed = [candidate(run, ref, seen) for ref in dict.fromkeys(named(run))]
    return sorted(listed, key=lambda one: (one.refused != "", one.failures, one.in_trouble))


def untried(candidates: Iterable[Candidate]) -> int:
    """How many have not been asked in this step and could be."""
    return sum(not one.refused and not one.failures for one in candidates)
