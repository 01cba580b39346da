"""The import of a renewed certificate: what is wrong is refused with its reason, what is right is imported; the key rests nowhere."""

from __future__ import annotations

import io
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from estate import inventory
from estate.models import Resource
from handover import renewal, sealed
from handover.certificates import Judged, Renewed, judge
from people.models import Operator
from remote.aws import delivery
from remote.errors import Refused, Unreachable
from runs import actions as runs
from runs.models import Plan, Run
from tests.handover import authority
from tests.valkey import Valkey
from tests.working import through

NAMES = ("*.client.url", "client.url")
pytestmark = pytest.mark.timeout(300)


# -- Judging


def test_what_is_right_is_accepted() -> None:
    judged = judge(authority.renewed(*NAMES), names=NAMES, ends=(datetime.now(UTC) + timedelta(days=30)).isoformat())
    assert isinstance(judged, Judged)
    assert (judged.names, judged.issuer) == (NAMES, "Example authority")


def test_a_star_covers_one_label() -> None:
    judge(authority.renewed("*.client.url"), names=["www.client.url", "*.client.url"])
    for name in ("client.url", "a.b.client.url", "*.b.client.url"):
        with pytest.raises(ValidationError, match="not for"):
            judge(authority.renewed("*.client.url"), names=[name])


def _other_key(good: Renewed) -> Renewed:
    return replace(good, key=authority.pem_of(ec.generate_private_key(ec.SECP256R1())))


def _encrypted(good: Renewed) -> Renewed:
    return replace(good, key=authority.pem_of(ec.generate_private_key(ec.SECP256R1()), b"a passphrase"))


def _weak(good: Renewed) -> Renewed:
    by, key = authority.authority(), rsa.generate_private_key(65537, 1024)  # noqa: S505
    return Renewed(authority.pem(authority.made("x", key, by, names=NAMES)), authority.pem(by.certificate), authority.pem_of(key))


def _another_issuer(good: Renewed) -> Renewed:
    """Of the same name, which is all that a careless check looks at."""
    return replace(good, chain=authority.pem(authority.authority("Example authority").certificate))


def _not_an_authority(good: Renewed) -> Renewed:
    middle, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    by = authority.Issuer(authority.made("a shop", middle), middle)
    leaf = authority.made("x", key, by, names=NAMES)
    return Renewed(authority.pem(leaf), authority.pem(by.certificate), authority.pem_of(key))


def _expired_issuer(good: Renewed) -> Renewed:
    by, key = authority.authority(days=-0), ec.generate_private_key(ec.SECP256R1())
    leaf = authority.made("x", key, by, names=NAMES)
    return Renewed(authority.pem(leaf), authority.pem(by.certificate), authority.pem_of(key))


def _not_yet(good: Renewed) -> Renewed:
    by, key = authority.authority(), ec.generate_private_key(ec.SECP256R1())
    leaf = authority.made("x", key, by, names=NAMES, begins=2)
    return Renewed(authority.pem(leaf), authority.pem(by.certificate), authority.pem_of(key))


def _an_authoritys(good: Renewed) -> Renewed:
    root = authority.authority("root")
    by = authority.authority("middle", root)
    return Renewed(authority.pem(by.certificate), authority.pem(root.certificate), authority.pem_of(by.key))


def _reversed(good: Renewed) -> Renewed:
    parts = good.chain.split(b"-----END CERTIFICATE-----\n")
    return replace(good, chain=b"".join(part + b"-----END CERTIFICATE-----\n" for part in reversed(parts) if part.strip()))


WRONG: dict[str, tuple[Any, str]] = {
    "another key": (_other_key, "does not belong"),
    "an encrypted key": (_encrypted, "encrypted"),
    "a weak key": (_weak, "1024 bits"),
    "a key that is none": (lambda good: replace(good, key=b"-----BEGIN PRIVATE KEY-----\nx\n"), "can be read"),
    "no chain": (lambda good: replace(good, chain=b" \n"), "chain is missing"),
    "another issuer of that name": (_another_issuer, "not issued by"),
    "the chain the wrong way round": (_reversed, "not issued by"),
    "an issuer that is no authority": (_not_an_authority, "no authority"),
    "an issuer that has ended": (_expired_issuer, "in the chain is valid until"),
    "an authority's own": (_an_authoritys, "authority's own"),
    "not valid yet": (_not_yet, "not yet"),
    "valid for days only": (lambda good: authority.renewed(*NAMES, days=3), "less than 7 days"),
    "ends no later": (lambda good: authority.renewed(*NAMES, days=20), "no later than"),
    "other names": (lambda good: authority.renewed("*.other.url"), "not for"),
    "all in one field": (lambda good: replace(good, certificate=good.certificate + good.chain), "3 certificates"),
    "the key in the chain": (lambda good: replace(good, chain=good.chain + good.key), "private key in the chain"),
    "no PEM": (lambda good: replace(good, certificate=b"hello"), "no PEM"),
    "too much": (lambda good: replace(good, chain=good.chain * 200), "at most"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused_with_its_reason(what: str) -> None:
    spoil, said = WRONG[what]
    with pytest.raises(ValidationError, match=said) as refused:
        judge(spoil(authority.renewed(*NAMES)), names=NAMES, ends=(datetime.now(UTC) + timedelta(days=30)).isoformat())
    assert "PRIVATE KEY-----\nM" not in str(refused.value)


def test_what_was_handed_in_before_the_secret_key_changed_is_opened_after_it(settings: Settings, valkey: Valkey) -> None:
    held = sealed.put({"key": "k"})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert sealed.take(held) == {"key": "k"}
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(Refused, match="no longer held"):
        sealed.take(held)


# -- The run


@pytest.fixture
def certificate(sandbox: dict[str, str], valkey: Valkey, settings: Settings, transactional_db: None) -> Iterator[Resource]:
    """One of the account's own for each test."""
    settings.TICK_SECONDS = 1.5
    old = authority.renewed(*NAMES, days=20)
    arn = _acm().import_certificate(Certificate=old.certificate, PrivateKey=old.key, CertificateChain=old.chain)["CertificateArn"]
    asked = inventory.source("certificates")
    inventory.keep(asked, asked.read())
    yield Resource.objects.get(kind="certificate", key=arn)
    _acm().delete_certificate(CertificateArn=arn)


def _acm() -> Any:
    from remote.aws.session import client

    return client("acm", write=True)


def handed_in(client: Client, certificate: Resource, renewed: Renewed, **changed: str) -> Any:
    texts = {name: getattr(renewed, name).decode() for name in ("certificate", "chain", "key")}
    form = texts | {"confirmation": certificate.name, "idempotency_key": str(uuid.uuid4())} | changed
    return client.post(reverse("handover:renew", args=(certificate.key,)), form)


def test_it_is_imported_and_its_key_rests_nowhere(
    client: Client, releaser: Operator, certificate: Resource, caplog: pytest.LogCaptureFixture, valkey: Valkey
) -> None:
    caplog.set_level(logging.DEBUG)
    client.force_login(releaser)
    renewed = authority.renewed(*NAMES)
    answer = handed_in(client, certificate, renewed)
    assert answer.status_code == 302, answer.content.decode()
    run = Run.objects.get()
    secret = renewed.key.decode().splitlines()[1]
    assert secret not in str([_value(each) for each in _redis().keys("*")])  # sealed
    assert through(run).state == Run.State.SUCCEEDED, run.said
    assert delivery.certificate_pem(certificate.key).strip() == renewed.certificate.decode().strip()
    assert not _redis().keys("sealed:*")  # and forgotten
    stored = io.StringIO()
    call_command("dumpdata", exclude=["django_rq"], stdout=stored)
    assert renewed.key.decode().splitlines()[1] not in stored.getvalue()
    assert secret not in caplog.text
    assert secret not in client.get(f"/runs/{run.number}/").content.decode()


def _redis() -> Any:
    from live import wire

    return wire.client()


def _value(key: bytes) -> bytes:
    kind = _redis().type(key)
    return bytes(_redis().get(key) or b"") if kind == b"string" else b""


def test_what_is_wrong_starts_nothing_and_is_not_shown_again(client: Client, releaser: Operator, certificate: Resource) -> None:
    client.force_login(releaser)
    spoilt = _other_key(authority.renewed(*NAMES))
    answer = handed_in(client, certificate, spoilt)
    assert answer.status_code == 422
    assert "does not belong to this certificate" in answer.content.decode()
    assert spoilt.key.decode().splitlines()[1] not in answer.content.decode()
    assert handed_in(client, certificate, authority.renewed(*NAMES), confirmation="yes").status_code == 422
    assert not Run.objects.exists()
    assert not Plan.objects.exists()
    assert not _redis().keys("sealed:*")


def test_who_may_not(client: Client, operator: Operator, certificate: Resource) -> None:
    client.force_login(operator)
    assert handed_in(client, certificate, authority.renewed(*NAMES)).status_code == 403
    assert not Run.objects.exists()


def test_where_it_is_no_longer_held_the_run_says_so(client: Client, releaser: Operator, certificate: Resource) -> None:
    client.force_login(releaser)
    handed_in(client, certificate, authority.renewed(*NAMES))
    before = delivery.certificate_pem(certificate.key)
    _redis().flushall()
    run = through(Run.objects.get())
    assert run.state != Run.State.SUCCEEDED
    assert "no longer held" in run.said
    assert delivery.certificate_pem(certificate.key) == before


def test_what_amazon_issued_is_not_replaced(client: Client, releaser: Operator, certificate: Resource) -> None:
    client.force_login(releaser)
    Resource.objects.filter(pk=certificate.pk).update(facts=certificate.facts | {"type": "AMAZON_ISSUED"})
    assert "Import a renewed certificate" not in client.get(f"/estate/certificate/{certificate.key}/").content.decode()
    assert handed_in(client, certificate, authority.renewed(*NAMES)).status_code == 422
    Resource.objects.filter(pk=certificate.pk).update(facts=certificate.facts)
    assert "Import a renewed certificate" in client.get(f"/estate/certificate/{certificate.key}/").content.decode()


# -- Sealed


def test_what_no_run_will_take_is_forgotten_whatever_went_wrong(
    releaser: Operator, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, now = {"type": "IMPORTED", "domain": NAMES[1], "names": list(NAMES)}, datetime.now(UTC)
    arn = "arn:aws:acm:eu-west-3:111122223333:certificate/1"
    made = Resource.objects.create(kind="certificate", key=arn, name=NAMES[1], source="x", facts=facts, first_seen=now, changed=now)

    def hand_in() -> None:
        renewal.start(made, authority.renewed(*NAMES), confirmation=made.name, idempotency_key=str(uuid.uuid4()), by=releaser)

    def full(*_: object, **__: object) -> None:
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "save_plan", full)
        with pytest.raises(OperationalError):
            hand_in()
    assert not _redis().keys("sealed:*")
    hand_in()
    assert len(_redis().keys("sealed:*")) == 1


def test_what_is_sealed_is_opened_with_the_same_key_alone(valkey: Valkey, settings: Settings) -> None:
    name = sealed.put({"key": "word"})
    assert sealed.take(name) == {"key": "word"}
    assert 0 < _redis().ttl(f"sealed:{name}") <= sealed.SECONDS
    settings.SECRET_KEY = "another"
    with pytest.raises(Refused, match="no longer held"):
        sealed.take(name)


def test_without_redis_it_is_not_taken(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from live import wire

    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    monkeypatch.setattr(wire, "_clients", {})
    with pytest.raises(Unreachable):
        sealed.put({"key": "word"})
    sealed.forget("x")
