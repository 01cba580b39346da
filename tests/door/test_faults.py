"""`./console faults` hands every word of the suite on."""

from __future__ import annotations

import argparse
import subprocess

import pytest

from door.__main__ import _parser
from door.places import PYTHON
from faults.words import add_words, as_written

ALL = [
    *(
        "P1:roll",
        "P17",
        "--sample",
        "0.5",
        "--minutes",
        "3.0",
        "--side-by-side",
        "2",
        "--seed",
        "7",
        "--lease",
        "1.0",
        "--replay",
        "P17:1:6",
    ),
    *("--replay", "P6:rate:120", "--guards", "--production", "--list", "--json"),
]


def test_whatever_the_suite_understands_is_understood_and_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = argparse.ArgumentParser()
    add_words(suite)
    assert as_written(suite.parse_args(ALL)) == ALL
    started: list[list[str]] = []

    def run(argv: list[str], **_: object) -> argparse.Namespace:
        started.append(argv)
        return argparse.Namespace(returncode=3)

    monkeypatch.setattr(subprocess, "run", run)
    asked = _parser().parse_args(["faults", *ALL])
    assert asked.run(asked) == 3
    assert started == [[PYTHON, "-m", "faults", *ALL]]


@pytest.mark.parametrize("said", ["0", "-1", "nan", "inf", "0.4", "61", "soon", ""])
def test_a_lease_with_which_nothing_can_be_played_is_refused(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(["faults", "--lease", said])
    assert f"{said!r} is no lease: give 0.5 to 60 seconds" in capsys.readouterr().err


@pytest.mark.parametrize("said", ["0.5", "1", "60"])
def test_other_leases_are_taken(said: str) -> None:
    assert _parser().parse_args(["faults", "--lease", said]).lease == float(said)


def test_each_word_has_to_be_handed_on() -> None:
    """One that is added to the suite, and forgotten in `as_written`, is found here."""
    suite = argparse.ArgumentParser()
    add_words(suite)
    for action in suite._actions:
        if action.option_strings and action.dest != "help":
            assert action.option_strings[-1] in ALL
