"""The ports of what is deployed by hand, on the health board."""

from __future__ import annotations

import pytest

from deployments import by_hand_health
from deployments.by_hand import PortRow
from estate.health import BAD, OK, UNKNOWN
from remote.ssh.ports import Port


def test_a_port_is_green_only_when_it_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        PortRow("SMB", Port(445, "open")),
        PortRow("RDP", Port(3389, "closed", "refused")),
        PortRow("FTP", Port(21, "unknown", "The gateway is away.")),
    ]
    monkeypatch.setattr(by_hand_health, "ask_ports", lambda thing: rows)
    found = {each.key.rpartition(":")[2]: each for each in by_hand_health.ports()}
    assert {port: each.state for port, each in found.items()} == {"445": OK, "3389": BAD, "21": UNKNOWN}
    assert found["21"].said == "The gateway is away."
    assert found["3389"].url.startswith("/by-hand/")
