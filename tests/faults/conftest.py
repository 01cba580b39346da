"""One rig for all of the sample: an estate in a box and a console of its own, as processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.rig import Rig


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    with Rig() as made:
        yield made
