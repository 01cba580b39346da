"""claims.yaml: every row of the document, each with a check that exists or a reason; mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from handover import document
from handover.document import BadClaims

GOOD = """
looks: []
claims:
  - {id: 1, section: A, line: 7, sentence: There are three., model: Database, check: {there_are: {kind: database, count: 3}}}
  - {id: 2, section: A, line: 8, sentence: It is nice., model: none, why: A matter of taste.}
"""


def load(folder: Path, text: str) -> document.Document:
    file = folder / "claims.yaml"
    file.write_text(text)
    return document.load(file)


def test_the_clients_document_is_whole() -> None:
    claims = document.claims()
    assert [claim.id for claim in claims] == list(range(1, 284))
    assert all(claim.check or claim.why or claim.question for claim in claims)
    assert sum(1 for claim in claims if claim.check) >= 200


def test_a_good_file(tmp_path: Path) -> None:
    assert [claim.check for claim in load(tmp_path, GOOD).claims] == ["there_are", ""]


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("id: 2", "id: 1", "stands twice"),
        ("there_are:", "are_there:", "unknown check “are_there”"),
        ("count: 3", "number: 3", "unknown “number”"),
        ("kind: database, ", "", "has to be told “kind”"),
        (", why: A matter of taste.", "", "neither a check nor a reason"),
        ("sentence: It is nice.", "sentense: It is nice.", "claim 2"),
        ("looks: []", "looks: [", "no YAML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(BadClaims, match=words):
        load(tmp_path, GOOD.replace(old, new))
