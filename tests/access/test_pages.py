"""The pages and the API of this area: they work, refuse strangers and wrong methods, and say what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from access.models import AllowedAddress, Seen, VpnCertificate, VpnUser
from access.vpn import observe
from people.models import Operator
from runs.models import LogChunk, Run
from tests.access.conftest import Grounds, a_name

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
PAGES = ("/access/", "/access/allow-list/", "/access/exposure/")


def later(**more: float) -> str:
    return (timezone.now() + timedelta(**more)).date().isoformat()


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_page_reads_and_strangers_are_refused(path: str, client: Client, viewer: Operator, stranger: Operator) -> None:
    assert client.get(path).status_code == 302
    client.force_login(stranger)
    assert client.get(path).status_code == 403
    client.force_login(viewer)
    answer = client.get(path)
    assert answer.status_code == 200
    assert "not answered yet" in answer.content.decode()
    assert client.post(path).status_code == 405
    assert "?part=live" not in client.get(f"{path}?part=live&show=odd&find=x").content.decode()


def test_a_viewer_presses_nothing(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    for path, words in (
        ("/access/vpn/", {"name": "jane.doe", "person": "x", "reason": "y", "expires": later(days=9)}),
        ("/access/vpn/reapply/", {}),
        ("/access/vpn/crl/", {}),
        ("/access/vpn/claim/", {"name": "dlm-temp"}),
        ("/access/allow-list/new/", {"cidr": "203.0.113.9"}),
        ("/access/allow-list/myself/", {"address": "203.0.113.9"}),
    ):
        answer = client.post(path, words)
        assert answer.status_code == 403, path
        assert "one has to be" in answer.content.decode()
        assert client.get(path).status_code in (404, 405), path
        for relative in (' data-live="/access/vpn/', 'href="?', 'method="get" role'):
            assert relative not in answer.content.decode(), f"{relative} at {path}, which cannot be read, is no way on"


def test_create_download_once_revoke_through_the_pages(grounds: Grounds, client: Client, operator: Operator, settings: Any) -> None:
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
    client.force_login(operator)
    name = a_name()
    words = {"name": name, "person": "Jané Doe", "reason": "shift", "expires": later(days=100)}
    made = client.post("/access/vpn/", words)
    assert made["Location"] == f"/access/vpn/{name}/"
    busy = client.post("/access/vpn/", words | {"name": a_name()})
    assert busy.status_code == 409
    assert f"Run {VpnUser.objects.get(name=name).run_id}" in busy.content.decode()
    grounds.done(VpnUser.objects.get(name=name).run)
    page = client.get(f"/access/vpn/{name}/").content.decode()
    assert f"Download {name}.ovpn" in page
    assert client.get(f"/access/vpn/{name}/download/").status_code == 405
    file = client.post(f"/access/vpn/{name}/download/")
    assert file.status_code == 200
    assert "no-store" in file["Cache-Control"]
    key = file.content.partition(b"<key>")[2].partition(b"</key>")[0].split()[4]
    assert len(key) == 64
    second = client.post(f"/access/vpn/{name}/download/")
    assert second.status_code == 410
    assert "was taken" in second.content.decode()
    assert client.post(f"/access/vpn/{name}/link/").status_code == 410
    assert "refused" in client.get(f"/access/vpn/{name}/").content.decode()
    for _ in range(49):
        VpnUser.objects.filter(name=name).update(delivered=None)
        assert client.post(f"/access/vpn/{name}/download/").status_code == 200
    nowhere_here(key)

    assert client.post(f"/access/vpn/{name}/dance/", {"reason": "x"}).status_code == 404
    assert client.post(f"/access/vpn/{name}/revoke/", {"reason": " "}).status_code == 422
    assert client.post(f"/access/vpn/{name}/revoke/", {"reason": "left"}).status_code == 302
    assert "Revoking" in client.get("/access/").content.decode()
    grounds.done(VpnUser.objects.get(name=name).run)
    assert "Revoked: " in client.get(f"/access/vpn/{name}/").content.decode()


def nowhere_here(key: bytes) -> None:
    """Not one line of a private key in the database, in a log, or in any file of the console's folder."""
    found = [path for path in django_settings.DATA_DIR.rglob("*") if path.is_file() and key in path.read_bytes()]
    database = django_settings.DATABASES["default"]["TEST"]["NAME"] if "TEST" in django_settings.DATABASES["default"] else None
    assert found == []
    from pathlib import Path

    if database and Path(database).exists():
        for path in Path(database).parent.glob("test.sqlite3*"):
            assert key not in path.read_bytes(), path
    assert not any(key.decode() in chunk.text for chunk in LogChunk.objects.all())


def test_a_link_needs_no_account_and_a_press(grounds: Grounds, client: Client, operator: Operator) -> None:
    user = grounds.user(operator)
    client.force_login(operator)
    page = client.post(f"/access/vpn/{user.name}/link/").content.decode()
    secret = page.partition("/access/get/")[2].partition("/")[0]
    assert len(secret) == 43
    outside = Client()
    assert outside.get(f"/access/get/{secret}/").status_code == 200
    assert outside.get(f"/access/get/{secret}/").status_code == 200, "looking takes nothing"
    file = outside.post(f"/access/get/{secret}/")
    assert file.status_code == 200
    assert b"<key>" in file.content
    assert outside.post(f"/access/get/{secret}/").status_code == 410
    assert outside.get(f"/access/get/{secret[:-1]}x/").status_code == 410
    assert outside.put(f"/access/get/{secret}/").status_code == 405


def test_the_api_creates_lists_and_revokes(grounds: Grounds, client: Client, operator: Operator, viewer: Operator) -> None:
    client.force_login(operator)
    name, key = a_name(), "an-intention-of-a-test"
    body = json.dumps({"name": name, "person": "x", "reason": "y", "expires": (timezone.now() + timedelta(days=9)).isoformat()})

    def post() -> Any:
        return client.post("/api/v1/vpn-users", body, content_type="application/json", headers={"Idempotency-Key": key})

    first, again = post(), post()
    assert first.status_code == again.status_code == 202
    assert first.json()["run"] == again.json()["run"]
    other = client.post("/api/v1/vpn-users", body.replace(name, a_name()), content_type="application/json")
    assert other.status_code == 409
    assert other.json()["run"] == first.json()["run"]
    grounds.done(Run.objects.get(pk=first.json()["run"]))
    listed = {each["name"]: each for each in client.get("/api/v1/vpn-users").json()["items"]}
    assert listed[name]["state"] == "valid"
    assert listed["dlm-temp"]["in_register"] is False
    assert listed["laptop.ops1"]["connected"] is True
    assert client.get("/api/v1/vpn-users?limit=1").json()["next"]
    answer = client.post(f"/api/v1/vpn-users/{name}/revoke", json.dumps({"reason": "left"}), content_type="application/json")
    assert answer.json()["state"] == "revoking"
    grounds.done(Run.objects.get(pk=answer.json()["run"]))
    assert client.get(f"/api/v1/vpn-users/{name}").json()["state"] == "revoked"
    assert client.get("/api/v1/vpn-users/nobody").status_code == 404
    client.force_login(viewer)
    assert client.post("/api/v1/vpn-users", body, content_type="application/json").status_code == 403


def test_the_api_allows_and_closes(grounds: Grounds, client: Client, admin: Operator) -> None:
    client.force_login(admin)
    words = {
        "cidr": "203.0.113.161",
        "services": ["rdp"],
        "owner": "x",
        "reason": "y",
        "until": (timezone.now() + timedelta(hours=1)).isoformat(),
    }
    made = client.post("/api/v1/allowed-addresses", json.dumps(words), content_type="application/json")
    assert made.status_code == 202
    grounds.done(Run.objects.get(pk=made.json()["run"]))
    pk = made.json()["id"]
    assert {each["id"]: each["state"] for each in client.get("/api/v1/allowed-addresses").json()["items"]}[pk] == "allowed"
    closed = client.post(f"/api/v1/allowed-addresses/{pk}/close", json.dumps({"reason": "done"}), content_type="application/json")
    grounds.done(Run.objects.get(pk=closed.json()["run"]))
    assert AllowedAddress.objects.get(pk=pk).state == "removed"
    shown = client.get("/access/allow-list/").content.decode()
    assert "203.0.113.161" in shown
    assert "nobody wrote down who this is" in shown


def test_a_server_that_does_not_answer_is_said_so(
    grounds: Grounds, client: Client, viewer: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runs import doors

    doors.door().close()
    grounds.control._http.post("/sim/faults", json={"kind": "ssh-refuse", "host": "openvpn", "times": -1}).raise_for_status()
    observe.watch()
    grounds.control.clear()
    client.force_login(viewer)
    page = client.get("/access/").content.decode()
    assert "The server does not answer." in page
    assert "What is below is of" in page
    assert VpnCertificate.objects.exists(), "what was seen stays"
    observe.watch()
    assert Seen.objects.get(name="vpn").error == ""
