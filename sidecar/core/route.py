"""Which model next: a ranked list, with a reason for each model that is out."""

from collections import Counter
from collections.abc import Iterable

from sidecar.core.documents import ModelRow, Rule
from sidecar.core.events import ELSEWHERE, Candidate, Seen
from sidecar.core.run import Run


def matches(rule: Rule, run: Run) -> bool:
    when, agent = rule.when, run.started.agent.partition("@")[0]
    pairs = (when.task, run.setup.agent.task), (when.agent, agent)
    return all(want in (None, have) for want, have in pairs)


def named(run: Run) -> Iterable[str]:
    """The agent's models, or else those of the first rule that matches; aliases followed."""
    policy = run.setup.policy
    tiers = next((rule.use for rule in policy.rules if matches(rule, run)), ())
    for ref in run.setup.agent.models or [ref for tier in tiers for ref in tier]:
        yield policy.aliases.get(ref, ref)


def row_of(models: Iterable[ModelRow], ref: str) -> ModelRow | None:
    """`ref` is `provider/id`, or a bare id."""
    return next((row for row in models if ref in (row.ref, row.model)), None)


def refusal(row: ModelRow | None, run: Run, seen: Seen) -> str:
    if row is None:
        return "unknown_model"
    if row.provider not in seen.providers:
        return "no_key"
    dead = any(ref == row.ref and failed.error in ELSEWHERE for ref, failed in run.failures)
    return "failed_here" if dead else ""


def route(run: Run, seen: Seen) -> list[Candidate]:
    """Fewest failures in this step first, then the policy's order; the refused come last."""
    failed = Counter(ref for ref, _ in run.failures)
    listed: list[Candidate] = []
    for ref in dict.fromkeys(named(run)):
        row = row_of(run.setup.models, ref)
        known = row.ref if row else ref
        refused = refusal(row, run, seen)
        listed.append(Candidate(model=known, refused=refused, failures=failed[known]))
    return sorted(listed, key=lambda one: (one.refused != "", one.failures))
