"""A sample of the fault suite, on one rig; `./console faults` plays every point."""

from __future__ import annotations

import pytest

from faults import suite
from faults.rig import Rig

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("faults")]
SAMPLE = (
    "P1:pre-production:8:after-effect:kill-worker",
    "P2:aws:UpdateEnvironment:1",
    "P3:5:away",
    "P7:sandbox:chatty:reset:6",
    "P8:nothing:1",
    "P9:sqlite:1",
)


@pytest.mark.parametrize("token", SAMPLE)
def test_it_holds(rig: Rig, token: str) -> None:
    name, _, point = token.partition(":")
    verdict = suite.PROMISES[name].run(rig, point)
    assert not verdict.violations, f"./console faults --replay {token}"
