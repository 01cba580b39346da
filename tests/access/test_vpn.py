"""VPN users against the estate in a box: made, handed over once, seen, put out with proof; and a rebuild of the image."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from django.utils import timezone

from access.models import DeliveryAttempt, VpnCertificate, VpnUser
from access.vpn import actions, delivery, ending, observe, register
from access.vpn.actions import NameTaken, NotPossible
from access.vpn.delivery import Gone
from people.models import Operator
from people.permissions import Forbidden
from runs.actions import LockHeld
from runs.models import Effect, Run
from tests.access.conftest import Grounds, a_name

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
State = VpnUser.State


def test_from_the_wish_to_the_proof(grounds: Grounds, operator: Operator) -> None:
    user = grounds.user(operator)
    assert user.state == State.VALID
    assert VpnCertificate.objects.get(serial=user.serial).on_server == "V"

    profile = delivery.take(user, origin="192.0.2.7", by=operator)
    assert f"CN={user.name}" == x509.load_pem_x509_certificate(_block(profile.content, b"cert")).subject.rfc4514_string()
    assert "PRIVATE" not in repr(profile)
    user.refresh_from_db()
    with pytest.raises(Gone, match="was taken"):
        delivery.take(user, origin="192.0.2.7", by=operator)
    assert [(each.given, each.by) for each in DeliveryAttempt.objects.filter(user=user)] == [(False, "operator"), (True, "operator")]

    grounds.control.act("vpn-connect", name=user.name)
    assert user.name in grounds.connected()
    observe.observe()
    user.refresh_from_db()
    assert user.last_seen is not None

    others = grounds.connected() - {user.name}
    pressed = timezone.now()
    run = actions.revoke(user, reason="left the company", by=operator)
    user.refresh_from_db()
    assert user.state == State.REVOKING
    grounds.done(run)
    user.refresh_from_db()
    assert user.state == State.REVOKED
    assert all(line["ok"] for line in user.proof)
    assert len(user.proof) == 5
    assert user.name not in grounds.connected()
    assert others <= grounds.connected()
    assert user.revoked is not None
    assert user.revoked - pressed < timedelta(seconds=60)  # a guard; the journey says how long it took
    with pytest.raises(NameTaken, match="was revoked and keeps its name"):
        grounds.create(operator, user.name)


def _block(content: bytes, name: bytes) -> bytes:
    inside = content.partition(b"<" + name + b">")[2].partition(b"</" + name + b">")[0]
    return inside[inside.index(b"-----BEGIN") :]


@pytest.mark.parametrize(
    "what, words",
    [
        ("script", "no /root/client-configs/create_user.sh"),
        ("base.conf", "no /root/client-configs/base.conf"),
        ("ta.key", "would lack its tls-crypt key"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(grounds: Grounds, operator: Operator, what: str, words: str) -> None:
    grounds.control.act("vpn-break", what=what)
    user = grounds.create(operator)
    assert user.run is not None
    run = grounds.through(user.run)
    assert run.state == Run.State.FAILED
    assert words in run.said
    observe.observe()
    user.refresh_from_db()
    assert user.state == State.FAILED
    assert words in user.said
    assert not Effect.objects.filter(run=run, kind="vpn.create").exists()
    grounds.control.act("vpn-mend")
    again = grounds.create(operator, user.name)  # takes the failed run's lock over
    grounds.done(again.run)


@pytest.mark.parametrize("what, words", [("pass phrase", "asks for a pass phrase"), ("disk", "disk is full")])
def test_what_goes_wrong_in_the_middle_is_told_apart_and_set_aside(grounds: Grounds, operator: Operator, what: str, words: str) -> None:
    grounds.control.act("vpn-break", what=what)
    user = grounds.create(operator)
    run = grounds.through(user.run)
    assert run.state == Run.State.FAILED
    assert words in run.said
    observe.observe()
    user.refresh_from_db()
    assert user.state == State.FAILED
    grounds.control.act("vpn-mend")
    if what == "disk":  # its certificate is in the index, and no good profile
        with pytest.raises(NameTaken, match="Re-issue"):
            grounds.create(operator, user.name)
        grounds.done(actions.reissue(user, reason="the disk has room again", by=operator))
        user.refresh_from_db()
        assert user.state == State.VALID
        return
    again = grounds.create(operator, user.name)
    assert [step.key for step in again.run.steps.all()] == ["free", "set-aside", "create", "read-back"] if again.run else False
    grounds.done(again.run)


@pytest.mark.parametrize("part", ["base.conf", "ta.key"])
def test_exit_code_0_is_not_believed(grounds: Grounds, operator: Operator, part: str) -> None:
    """The file goes between the look and the script: the script ends with 0, and the profile is no good."""
    user = grounds.create(operator)
    run = user.run
    assert run is not None
    from access.vpn import effects

    look = effects.NameIsFree.probe

    def breaks(self: object, act: object, context: object) -> object:
        found = look(self, act, context)  # type: ignore[arg-type]
        grounds.control.act("vpn-break", what=part)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(effects.NameIsFree, "probe", breaks)
        grounds.through(run)
    assert run.state == Run.State.FAILED
    assert f"no /root/client-configs/{'keys/' if part == 'ta.key' else ''}{part}" in run.said
    assert "exit code was 0" in run.said


def test_a_name_that_is_on_the_server_is_taken(grounds: Grounds, operator: Operator) -> None:
    with pytest.raises(NameTaken, match="on the server already"):
        grounds.create(operator, "laptop.ops1")
    user = grounds.create(operator)
    with pytest.raises(NameTaken, match="exists already"):
        grounds.create(operator, user.name)
    grounds.done(user.run)


def test_one_change_at_a_time(grounds: Grounds, operator: Operator) -> None:
    first = grounds.create(operator)
    name = a_name()
    with pytest.raises(LockHeld):
        grounds.create(operator, name)
    assert not VpnUser.objects.filter(name=name).exists(), "nothing is left of what did not begin"
    grounds.done(first.run)
    grounds.done(grounds.create(operator, name).run)


def test_a_link_is_for_one_download_within_ten_minutes(grounds: Grounds, operator: Operator) -> None:
    user = grounds.user(operator)
    link, secret = delivery.make_link(user, by=operator)
    assert secret not in str(link.__dict__)
    assert len(secret) >= 43
    late = timezone.now() - timedelta(seconds=1)
    type(link).objects.filter(pk=link.pk).update(expires=late)
    with pytest.raises(Gone, match="ten minutes"):
        delivery.take_by_link(secret, origin="")
    _, secret = delivery.make_link(user, by=operator)
    assert b"<key>" in delivery.take_by_link(secret, origin="192.0.2.9").content
    with pytest.raises(Gone):
        delivery.take_by_link(secret, origin="192.0.2.9")
    with pytest.raises(Gone, match="no such link"):
        delivery.behind("x" * 43)
    user.refresh_from_db()
    with pytest.raises(Gone, match="Re-issue"):
        delivery.make_link(user, by=operator)


def test_a_download_that_did_not_come_is_given_back(grounds: Grounds, operator: Operator) -> None:
    from remote.errors import RemoteError

    user = grounds.user(operator)
    grounds.control.fault("ssh-drop", host="openvpn", bytes="0")
    with pytest.raises(RemoteError):
        delivery.take(user, origin="", by=operator)
    grounds.control.clear()
    user.refresh_from_db()
    assert user.delivered is None
    assert delivery.take(user, origin="", by=operator).content


def test_a_reissue_revokes_the_old_certificate_and_gives_one_new_download(grounds: Grounds, operator: Operator) -> None:
    user = grounds.user(operator)
    delivery.take(user, origin="", by=operator)
    old = user.serial
    grounds.done(actions.reissue(user, reason="new laptop", by=operator))
    user.refresh_from_db()
    assert user.state == State.VALID
    assert user.serial != old
    assert VpnCertificate.objects.get(serial=old).is_revoked
    assert delivery.take(user, origin="", by=operator).content


def test_suspended_and_resumed(grounds: Grounds, operator: Operator) -> None:
    user = grounds.user(operator)
    grounds.control.act("vpn-connect", name=user.name)
    grounds.done(actions.suspend(user, on=True, reason="on leave", by=operator))
    user.refresh_from_db()
    assert user.state == State.SUSPENDED
    assert user.name not in grounds.connected()
    with pytest.raises(NotPossible):
        actions.suspend(user, on=True, reason="again", by=operator)
    grounds.done(actions.suspend(user, on=False, reason="back", by=operator))
    user.refresh_from_db()
    assert user.state == State.VALID
    grounds.until(lambda: user.name in grounds.connected(), "its client comes back by itself")
    grounds.done(actions.disconnect(user, reason="stuck", by=operator))
    grounds.control.act("vpn-leave", name=user.name)


def test_what_is_over_is_revoked_by_itself_after_a_warning(grounds: Grounds, operator: Operator) -> None:
    from people.notifications.models import Notification

    user = grounds.user(operator)
    VpnUser.objects.filter(pk=user.pk).update(expires=timezone.now() + timedelta(days=5))
    ending.check()
    ending.check()
    assert Notification.objects.filter(title=f"VPN user {user.name} ends soon").count() == 1
    VpnUser.objects.filter(pk=user.pk).update(expires=timezone.now() - timedelta(minutes=1))
    ending.check()
    user.refresh_from_db()
    assert user.state == State.REVOKING
    grounds.done(user.run)
    user.refresh_from_db()
    assert user.state == State.REVOKED
    assert user.run is not None
    assert user.run.requested_by.username == "ops-console"
    VpnUser.objects.filter(pk=user.pk).update(
        state=State.VALID, expires=timezone.now() + timedelta(days=200), reviewed=timezone.now() - timedelta(days=181)
    )
    ending.check()
    assert Notification.objects.filter(title=f"Is VPN user {user.name} still needed?").count() == 1


def test_a_rebuild_of_the_image_is_noticed_and_one_run_re_applies_the_register(grounds: Grounds, operator: Operator) -> None:
    gone, stays = grounds.user(operator), grounds.user(operator)
    grounds.control.act("vpn-connect", name=gone.name)
    grounds.done(actions.revoke(gone, reason="left", by=operator))
    assert not register.differences().is_a_rebuild

    grounds.control.act("vpn-rebuild")
    grounds.until(lambda: {"laptop.old"} & _refused_or_in(grounds, "laptop.old"), "somebody who was revoked tries")
    observe.observe()
    differs = register.differences()
    assert {gone.name, stays.name} <= {each.name for each in differs.lost}
    assert "laptop.old" in {each.name for each in differs.back}
    grounds.done(actions.reapply(by=operator))
    differs = register.differences()
    assert not differs.is_a_rebuild, str(differs)
    grounds.control.act("vpn-connect", name="laptop.old")
    assert {"laptop.old", gone.name}.isdisjoint(grounds.connected())
    with pytest.raises(NotPossible):
        actions.reapply(by=operator)
    grounds.control.act("vpn-leave", name="laptop.old")
    grounds.control.act("vpn-leave", name=gone.name)


def _refused_or_in(grounds: Grounds, name: str) -> set[str]:
    grounds.control.act("vpn-connect", name=name)
    return grounds.connected()


def test_unknown_users_are_seen_and_claimed_or_revoked(grounds: Grounds, operator: Operator) -> None:
    assert "dlm-temp" in {each.name for each in register.differences().unknown}
    user = actions.claim(
        "dlm-temp", person="Nobody yet", reason="being looked into", expires=timezone.now() + timedelta(days=30), by=operator
    )
    assert "dlm-temp" not in {each.name for each in register.differences().unknown}
    user.delete()
    with pytest.raises(NotPossible):
        actions.claim("nobody-there", person="x", reason="y", expires=timezone.now() + timedelta(days=30), by=operator)


def test_who_may(grounds: Grounds, viewer: Operator, operator: Operator) -> None:
    with pytest.raises(Forbidden):
        grounds.create(viewer)
    user = grounds.user(operator)
    for deed in (
        lambda: delivery.take(user, origin="", by=viewer),
        lambda: delivery.make_link(user, by=viewer),
        lambda: actions.revoke(user, reason="x", by=viewer),
        lambda: actions.reapply(by=viewer),
    ):
        with pytest.raises(Forbidden):
            deed()
