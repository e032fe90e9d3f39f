"""What the log's hashes cover, and what a conversation costs in bytes."""

import dataclasses
import hashlib
import json

import pytest

from sidecar.core import events as e
from sidecar.core.bundle import Bundle
from sidecar.core.events import chain, part, unchain
from sidecar.core.messages import canonical
from sidecar.extras.replay import verdict
from tests.house.runs import ENCODERS, RUN, Story, response, setup, text_item

CANONICAL = [
    # Keys in the order of their code points, however deep; no space.
    ({"b": 1, "a": {"d": None, "c": [True]}}, b'{"a":{"c":[true],"d":null},"b":1}'),
    # UTF-8 as it is; only what JSON demands is escaped.
    ({"é": 'x"\n\x7f/'}, b'{"\xc3\xa9":"x\\"\\n\x7f/"}'),
    # Integers at both ends of 64 bits.
    ([2**64 - 1, -(2**63)], b"[18446744073709551615,-9223372036854775808]"),
]


@pytest.mark.parametrize(("value", "wanted"), CANONICAL)
def test_canonical_bytes_are(value: object, wanted: bytes) -> None:
    assert canonical(value) == wanted


def test_the_hash_of_an_event_covers_the_one_before_and_every_field() -> None:
    story, previous = Story(), hashlib.sha256(RUN.encode()).digest()
    story.hears(response(text_item("Hé"))).goes_on()
    for event in story.events:
        row = {"run": RUN, "seq": event.seq, "at": event.at_ms, "kind": event.kind}
        row["body"] = json.loads(event.body)
        plain = json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert event.hash == hashlib.sha256(previous + plain.encode()).hexdigest()
        previous = bytes.fromhex(event.hash)


CHANGES = [{"run": "other"}, {"seq": 9}, {"at_ms": 9}, {"kind": "expired"}, {"body": b'{"by":"y"}'}]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_no_field_changes_without_the_hash(change: dict[str, object]) -> None:
    event = e.written("", RUN, 1, 1, e.Stopped(kind="cancelled", by="x"))
    assert dataclasses.replace(event, **change).sealed("").hash != event.hash
    assert event.sealed("00" * 32).hash != event.hash


def test_a_field_that_came_later_changes_no_old_hash_and_no_verdict() -> None:
    """An event as written before its newest fields existed: their defaults are not there."""
    story = Story()
    story.hears(response(text_item("Hi"))).goes_on()
    old = json.loads(story.events[-1].body)
    absent = [old.pop(name) for name in ("seen", "error")]
    before = story.events[-2].hash
    event = dataclasses.replace(story.events[-1], body=canonical(old)).sealed(before)
    assert absent == [None, None] and event.said() == story.run.last
    log = Bundle((*story.events[:-1], event), story.parts, event.hash)
    assert verdict(log, ENCODERS).verdict == "identical"


def test_bytes_that_are_no_json_have_no_parts() -> None:
    event = e.Event(RUN, 1, 1, "ended", b"\xff", "")
    assert event.parts() == {}
    with pytest.raises(ValueError):
        event.said()


def test_a_chain_gives_its_bodies_back_in_order() -> None:
    links = chain([b"a", b"b", b"c"])
    parts = {link.name: link for link in links}
    assert unchain(parts, links[-1].name) == [b"a", b"b", b"c"]
    assert unchain(parts, links[1].name) == [b"a", b"b"] and unchain(parts, "") == []
    assert chain([b"b", b"c"], links[0].name) == links[1:]
    assert part(b"c").name != links[-1].name  # a name proves what is before it


def test_a_missing_link_is_named() -> None:
    links = chain([b"a", b"b"])
    with pytest.raises(KeyError, match=links[0].name):
        unchain({links[1].name: links[1]}, links[1].name)


def test_twenty_turns_of_a_conversation_cost_linear_bytes() -> None:
    stored, history, grown = {}, "", list[int]()
    given = setup(instructions="Be brief. " * 200)
    for turn in range(1, 21):
        known = set(stored)
        message = f"Question {turn:02}: " + "x" * 500
        story = Story(given, stored=stored, history=history, turn=turn, message=message)
        story.hears(response(text_item(f"Answer {turn:02}: " + "y" * 500)))
        history = story.goes_on().parts["conversation"]
        new = [one.body for name, one in stored.items() if name not in known]
        grown.append(sum(map(len, new)) + sum(len(event.body) for event in story.events))
    assert len(story.run.messages) == 40
    assert max(grown[1:]) - min(grown[1:]) < 20  # a digit here and there
