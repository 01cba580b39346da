"""The FTP account of Custom Connection: looked at, given a new password by a run, which is shown once."""

from __future__ import annotations

import shutil

import pytest
from django.test import Client
from django.utils import timezone

from access import place, programs
from access.ftp import account
from access.ftp.account import Gone
from access.models import FtpRotation, Seen
from estate import observe
from estate.reading import current
from people.models import Operator
from people.permissions import Forbidden
from runs.doors import runner
from runs.models import Effect, LogChunk
from tests.access.conftest import Grounds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.mark.skipif(shutil.which("openssl", path="/usr/bin:/bin") is None, reason="NOT RUN: openssl is not installed here")
def test_a_new_password_is_made_by_a_run_and_shown_once(grounds: Grounds, releaser: Operator, operator: Operator, client: Client) -> None:
    observe.refresh(current().target("custom-connection", "production"), max_age=60)
    ip = str(account.host_of(place.ftp()).private_ip)
    runner().install(ip)
    programs.install("ftp", ip)
    account.watch()
    facts = Seen.objects.get(name="ftp").facts
    found = {each.title: each for each in account.checks(place.ftp(), facts, timezone.now())}
    assert {found[name].light for name in ("Account", "Group", "vsftpd")} == {"ok"}, found
    assert "every directory has mode 775" in found["Web root"].said

    with pytest.raises(Forbidden):
        account.rotate(reason="x", by=operator)
    run = grounds.done(account.rotate(reason="somebody left", by=releaser))
    rotation = FtpRotation.objects.get(run=run)
    client.force_login(releaser)
    page = client.post(f"/access/ftp/{rotation.pk}/show/")
    assert page.status_code == 200
    rotation.refresh_from_db()
    assert rotation.shown_to == "releaser"
    password = page.content.decode().partition("data-copy-text>")[2].partition("<")[0]
    assert len(password) == 32
    assert client.post(f"/access/ftp/{rotation.pk}/show/").status_code == 410
    with pytest.raises(Gone):
        account.show(rotation, by=releaser)
    assert not any(password in chunk.text for chunk in LogChunk.objects.all())
    assert not any(password in str(row.answer) for row in Effect.objects.all())
    account.watch()
    changed = {each.title: each for each in account.checks(place.ftp(), Seen.objects.get(name="ftp").facts, timezone.now())}["Password"]
    assert changed.said.startswith(("0 d old", "1 d old"))
    shown = client.get("/access/ftp/").content.decode()
    assert "to releaser" in shown
    assert password not in shown
