"""One demo for the journeys of this folder, which run in one process, in any order: each leaves the estate as the next may find it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.browser import Demo, running_demo
from tests.journeys.conftest import SPEED


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), speed=SPEED) as found:
        yield found


@pytest.fixture(autouse=True)
def no_faults_stay(demo: Demo) -> Iterator[None]:
    yield
    demo.no_faults()
