"""The order in which files of tests are run: those that may take long go first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import _allowed


@pytest.mark.parametrize(
    ("args", "named", "seconds"), [((), None, 0), ((60,), {}, 60), ((), {"timeout": 60}, 60), ((), {"method": "thread"}, 0)]
)
def test_how_long_a_file_may_take_is_known_however_it_says_it(
    args: tuple[int, ...], named: dict[str, Any] | None, seconds: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = request.node.getparent(pytest.Module)
    monkeypatch.setattr(module, "own_markers", [] if named is None else [pytest.mark.timeout(*args, **named).mark])
    assert _allowed(request.node) == seconds
