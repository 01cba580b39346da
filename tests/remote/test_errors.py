"""What the outside world causes is told in sentences, and has a status of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from remote import errors
from remote.errors import NotFound, RemoteError


@pytest.mark.parametrize(
    "message, next_step, told",
    [
        ("there is no branch x", "Choose another.", "there is no branch x. Choose another."),
        ("It said no.", "Look.", "It said no. Look."),
        ("It said no", "", "It said no."),
        ("who asks?\n", "Sign in.", "who asks? Sign in."),
    ],
)
def test_what_went_wrong_and_what_to_do_are_sentences(message: str, next_step: str, told: str) -> None:
    assert NotFound(message, next_step).told == told


def _kinds(kind: type[RemoteError]) -> Iterator[type[RemoteError]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _kinds(each)


def test_none_of_them_is_a_fault_of_our_own() -> None:
    found = {kind: kind.status for kind in _kinds(RemoteError)}
    assert NotFound in found, "and each that stands below another"
    assert all(400 <= status < 600 and status != 500 for status in found.values()), found
