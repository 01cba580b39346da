"""The order in which files of tests are run: those that may take long go first; and which of them run in one process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Together, _allowed

SHARED = ("one_demo/test_release", "one_demo/test_build")


@pytest.mark.parametrize(
    ("args", "named", "seconds"), [((), None, 0), ((60,), {}, 60), ((), {"timeout": 60}, 60), ((), {"method": "thread"}, 0)]
)
def test_how_long_a_file_may_take_is_known_however_it_says_it(
    args: tuple[int, ...], named: dict[str, Any] | None, seconds: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = request.node.getparent(pytest.Module)
    monkeypatch.setattr(module, "own_markers", [] if named is None else [pytest.mark.timeout(*args, **named).mark])
    assert _allowed(request.node) == seconds


def test_a_file_runs_in_one_process_and_so_does_the_folder_whose_files_share_a_demo() -> None:
    scheduler = object.__new__(Together)
    release, build, alarms = (scheduler._split_scope(f"tests/journeys/{name}.py::test_one") for name in (*SHARED, "test_alarms"))
    assert release == build != alarms == "tests/journeys/test_alarms.py"
