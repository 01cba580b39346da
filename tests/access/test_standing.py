"""The ways in on the health board: each state has its proof, and a silent server is no green."""

from __future__ import annotations

import pytest
from django.utils import timezone

from access import standing
from access.models import Seen
from estate.health import BAD, OK, UNKNOWN, CannotCheck

pytestmark = pytest.mark.django_db


def seen(name: str, **facts: object) -> None:
    Seen.objects.create(name=name, answered=timezone.now(), facts=facts)


def test_each_server_behind_haproxy_has_its_own_light() -> None:
    servers = [
        {"name": "windows_rdp", "server": "win", "status": "UP", "light": "ok", "said": "its port answers", "seconds": 3},
        {"name": "windows_application", "server": "win", "status": "DOWN", "light": "bad", "said": "its port refuses", "seconds": 41},
        {
            "name": "custom_connection_ftp",
            "server": "custom-1",
            "status": "no check",
            "light": "unknown",
            "said": "nobody checks it",
            "seconds": 1,
        },
    ]
    seen("haproxy", service="active", backends=servers)
    found = {each.key: each.state for each in standing.back_ends()}
    assert found == {"service": OK, "windows_rdp/win": OK, "windows_application/win": BAD, "custom_connection_ftp/custom-1": UNKNOWN}


@pytest.mark.parametrize(("service", "state"), [("active", OK), ("failed", BAD), ("", UNKNOWN)])
def test_the_vpn_s_service(service: str, state: str) -> None:
    seen("vpn", service=service, since="", crl={"place": "/etc/openvpn/crl.pem", "readable": False, "problem": ""})
    assert {each.key: each.state for each in standing.vpn_service()} == {"service": state, "crl": BAD}


@pytest.mark.parametrize("find", [standing.back_ends, standing.vpn_service])
def test_who_does_not_answer_cannot_be_checked(find: object) -> None:
    assert callable(find)
    with pytest.raises(CannotCheck, match="has not answered yet"):
        list(find())
    for name in ("haproxy", "vpn"):
        Seen.objects.create(name=name, answered=timezone.now(), error="No way to it.")
    with pytest.raises(CannotCheck, match="No way to it"):
        list(find())
