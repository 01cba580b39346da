"""A rig for each file: an estate in a box and a console of its own, as processes. Ended with the file: an idle console looks around."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.rig import Rig


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as made:
        yield made
