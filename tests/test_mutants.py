"""`make mutants` makes every mistake of tests/mutants; this sees that each can still be made."""

import re
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.mutants.run import ROOT, Mutant, applied, mutants, read, tried

ALL = mutants()
PRICED, TEST = "sidecar/core/documents.py", "tests/test_core_price.py::test_a_call_costs"


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_a_mistake_can_be_made_in_the_code_as_it_is(mutant: Mutant) -> None:
    assert applied(mutant, ROOT, "--check") == "", "the code has moved on: make the patch again"
    touched = re.findall(r"^\+\+\+ b/(.*)$", mutant.patch, re.MULTILINE)
    assert touched and all(path.startswith("sidecar/") for path in touched)
    assert mutant.says.endswith(".")
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / path).read_text(), test


def test_no_two_mistakes_are_the_same() -> None:
    diffs = {mutant.patch.partition("\n--- ")[2] for mutant in ALL}
    assert len(diffs) == len({mutant.says for mutant in ALL}) == len(ALL) >= 12


# What is changed into what, and what the runner says of it.
MISTAKES = [
    ("rate in price) // 1_000_000", "rate in price) // 999_999", True, "killed by test_core_price"),
    ("The configuration that", "A configuration that", False, "SURVIVED"),  # no test minds
    ("return -(-sum(", "return -(-sum((", False, "BROKEN"),  # red, but no test has failed
]


@pytest.mark.parametrize("old, new, good, word", MISTAKES)
def test_a_mistake_is_killed_by_a_test_that_fails(
    old: str, new: str, good: bool, word: str
) -> None:
    verdict = tried(mistake((ROOT / PRICED).read_text(), old, new))
    assert (verdict.good, word in verdict.word) == (good, True), verdict.word


def test_a_patch_that_the_code_has_left_behind_is_told() -> None:
    text = (ROOT / PRICED).read_text().replace("-sum(", "-total(")
    verdict = tried(mistake(text, "-total(", "-most("))
    assert not verdict.good and "DOES NOT APPLY" in verdict.word and PRICED in verdict.word


def mistake(text: str, old: str, new: str) -> Mutant:
    lines, wrong = (one.splitlines(keepends=True) for one in (text, text.replace(old, new)))
    patch = "".join(unified_diff(lines, wrong, f"a/{PRICED}", f"b/{PRICED}", n=1))
    return Mutant("mistake", "It is one.", (TEST,), patch)


@pytest.mark.parametrize("text", ["", "Breaks it.\n", "Breaks it.\nTests:\n", "\nTests: a\n"])
def test_a_patch_says_what_it_breaks_and_which_tests_are_red(tmp_path: Path, text: str) -> None:
    path = tmp_path / "silent.patch"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"silent\.patch: write a sentence"):
        read(path)
