"""A recorded run, looked at with today's code."""

import dataclasses
import hashlib
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.bundle import Bundle
from sidecar.core.documents import ModelRow
from sidecar.core.events import Event, Part, part
from sidecar.core.messages import canonical
from sidecar.core.run import Run
from sidecar.core.turn import Encoder, Payload
from sidecar.core.view import Verdict
from sidecar.extras.replay import verdict
from tests.house.runs import ENCODERS, TITLED, Story, response, setup, text_item

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


def recorded() -> Story:
    story = Story(setup("one", output_schema=TITLED))
    story.gives(story.asks("one").calls[0].id, {"ok": True})
    story.hears(response(text_item('{"title": "A"}'))).goes_on()
    return story


def shouting(run: Run, row: ModelRow, output_tokens: int) -> Payload:
    payload = ENCODERS["openai"].encode(run, row, output_tokens)
    return Payload(payload.frame.replace(b"Be brief.", b"BE BRIEF."), payload.items)


def resealed(story: Story, at: int, body: bytes) -> Bundle:
    """As a forger leaves it: one event changed, and every hash after it made again."""
    events: list[Event] = []
    for number, event in enumerate(story.events):
        changed = dataclasses.replace(event, body=body if number == at else event.body)
        events.append(changed.sealed(events[-1].hash if events else ""))
    return Bundle(events, story.parts, events[-1].hash)


def seen(found: Verdict) -> tuple[str, int, str, str]:
    assert found.first
    return found.verdict, found.first.seq, found.first.what, found.first.path


def test_a_run_replays_identically() -> None:
    found = verdict(recorded().bundle(), ENCODERS)
    assert (found.verdict, found.first, found.events) == ("identical", None, 8)


def test_an_encoder_edited_without_a_new_version_diverges_in_the_payload() -> None:
    edited = {"openai": Encoder("openai/1", shouting)}
    assert seen(verdict(recorded().bundle(), edited)) == ("diverged", 2, "payload", "/instructions")


def test_an_encoder_edited_under_a_new_version_is_a_change() -> None:
    found = verdict(recorded().bundle(), {"openai": Encoder("openai/2", shouting)})
    assert seen(found) == ("changed", 2, "payload", "/instructions")
    assert found.encoders["recorded"] != found.encoders["today"]


def test_a_tool_result_edited_and_hashed_again_diverges_where_the_model_was_told_it() -> None:
    story = recorded()
    forged = part(b'{"ok":false}')
    story.parts[forged.name] = forged
    body = json.loads(story.events[4].body)
    body["parts"]["result"] = forged.name
    found = verdict(resealed(story, 4, canonical(body)), ENCODERS)
    verdict_word, seq, what, path = seen(found)
    assert (verdict_word, seq, what) == ("diverged", 6, "payload")
    assert path.startswith("/input/") and path.endswith("/output")


def test_a_decision_edited_and_hashed_again_diverges_at_its_path() -> None:
    story = recorded()
    body = json.loads(story.events[7].body) | {"cost_micros": 1}
    found = verdict(resealed(story, 7, canonical(body)), ENCODERS)
    assert seen(found) == ("diverged", 8, "decision", "/cost_micros")


def flipped(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


def test_a_flip_in_any_event_or_hash_is_damage_at_that_event() -> None:
    story = recorded()
    for number, event in enumerate(story.events):
        for change in ({"body": flipped(event.body)}, {"hash": "0" * 64}, {"at_ms": 1}):
            events = list(story.events)
            events[number] = dataclasses.replace(event, **change)
            found = verdict(Bundle(events, story.parts, story.run.hash), ENCODERS)
            assert seen(found)[:3] == ("damaged", number + 1, "hash")


def test_a_flip_in_any_part_or_its_absence_is_damage() -> None:
    story = recorded()
    for name, held in story.parts.items():
        changed: list[Part | None] = [dataclasses.replace(held, body=flipped(held.body)), None]
        for one in changed:
            parts = {key: value for key, value in story.parts.items() if key != name}
            parts |= {name: one} if one else {}
            found = verdict(Bundle(story.events, parts, story.run.hash), ENCODERS)
            assert seen(found)[0] == "damaged" and seen(found)[2] == "part"


def test_a_cut_tail_is_damage() -> None:
    story = recorded()
    found = verdict(Bundle(story.events[:-1], story.parts, story.run.hash), ENCODERS)
    assert seen(found)[:3] == ("damaged", 8, "hash")


def loaded(text: str) -> Bundle:
    """A bundle as `GET /v1/runs/{run}/events?parts=all` gives it."""
    told: dict[str, Any] = json.loads(text)
    events: list[Event] = []
    for row in told["events"]:
        del row["at"]
        events.append(Event(**row | {"body": canonical(row["body"])}))
    parts = [Part(**one | {"body": b64decode(one["body"])}) for one in told["parts"]]
    return Bundle(events, {one.name: one for one in parts}, told["hash"])


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_run_still_replays(golden: Path) -> None:
    found = verdict(loaded(golden.read_text()), ENCODERS)
    recorded_then = set(found.encoders["recorded"])
    wanted = {"identical"} if recorded_then <= set(found.encoders["today"]) else {"changed"}
    assert found.verdict in wanted | {"identical"}, found


def test_goldens_are_added_and_never_recorded_again() -> None:
    sums = (GOLDEN[0].parent / "SHA256SUMS").read_text().splitlines()
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in GOLDEN}
    assert {line.split()[1]: line.split()[0] for line in sums} == found
