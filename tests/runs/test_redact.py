"""Secrets do not get through, in whatever form they travel; the rest does."""

from __future__ import annotations

import base64
import html
import json
import random
import shlex
import string
import urllib.parse
from collections.abc import Callable, Iterator

import pytest
from django.apps import apps

from runs import periodic, redact
from runs.redact import KEY_LINES, MARK, Redactor


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    redact.forget_all()
    yield
    redact.forget_all()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 inside": lambda secret: base64.b64encode(f"user:{secret}@host".encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "percent": lambda secret: urllib.parse.quote(secret, safe=""),
    "hex": lambda secret: secret.encode().hex(),
    "JSON": json.dumps,
    "HTML": html.escape,
    "shell": shlex.quote,
}


def secrets(count: int) -> list[str]:
    dice = random.Random(7)
    alphabet = string.ascii_letters + string.digits + "'\"\\$&<>+/=%äß"
    return ["".join(dice.choices(alphabet, k=dice.randint(12, 40))) for _ in range(count)]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoding_gets_through(encoding: str) -> None:
    for secret in secrets(40):
        redact.know(secret)
        travelled = ENCODINGS[encoding](secret)
        shown = redact.redact(f"before {travelled} after")
        assert MARK in shown
        assert shown.startswith("before ")
        assert shown.endswith(" after")
        inside = travelled.strip("'\"=")
        assert not any(inside[at : at + 10] in shown for at in range(len(inside) - 9))


def test_a_wrapped_secret_is_found_and_the_lines_stay() -> None:
    redact.know("correct-horse-battery-staple")
    shown = redact.redact("a\nxx correct-horse-\nbattery-staple yy\nb")
    assert shown.split("\n")[0] == "a"
    assert shown.count("\n") == 3
    assert "horse" not in shown
    assert "battery" not in shown


def test_a_secret_cut_between_two_blocks_is_found_at_both_ends() -> None:
    redact.know("correct-horse-battery-staple")
    stream = Redactor()
    assert stream.clean("start correct-horse") == f"start {MARK}"
    assert stream.clean("-battery-staple end") == f"{MARK} end"


def test_a_private_key_is_taken_out_over_many_lines_and_blocks() -> None:
    stream = Redactor()
    first = stream.clean("before\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk")
    second = stream.clean("AAAAB3NzaC1\n-----END OPENSSH PRIVATE KEY-----\nafter")
    assert first == f"before\n{MARK}\n{MARK}"
    assert second == f"{MARK}\n{MARK}\nafter"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"one": "-----BEGIN PRIVATE KEY-----MIIE-----END PRIVATE KEY-----"}', f'{{"one": "{MARK}"}}'),
        ("-----BEGIN PRIVATE KEY-----a-----END PRIVATE KEY-----, -----BEGIN EC PRIVATE KEY-----b", f"{MARK}, {MARK}"),
        ("-----BEGIN PRIVATE KEY-----a-----END PRIVATE KEY-----" * 700, MARK * 700),
    ],
)
def test_of_several_private_keys_in_one_line_each_is_taken_out(line: str, shown: str) -> None:
    stream = Redactor()
    assert stream.clean(line) == shown
    assert stream.clean("MIIEnext") == (MARK if line.endswith("b") else "MIIEnext")


def test_what_only_begins_like_a_private_key_hides_no_more_than_one_has() -> None:
    text = "-----BEGIN PRIVATE KEY-----\n" + "a line\n" * KEY_LINES
    shown = redact.redact(text).split("\n")
    assert shown == [MARK] * KEY_LINES + ["a line", ""]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key AKIAIOSFODNN7EXAMPLE.", f"key {MARK}."),
        ("https://git:hunter22@example.com/x", f"https://git:{MARK}@example.com/x"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", f"aws_secret_access_key = {MARK}"),
        ("Authorization: Bearer abc.def.ghi", f"Authorization: Bearer {MARK}"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, shown: str) -> None:
    assert redact.redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://www.client.url:8443/a@b",
        "AKIA is how a key begins",
        "ssh://git@bitbucket.org/client/magento.git",
        "-----BEGIN CERTIFICATE-----",
        "a\n\nb",
    ],
)
def test_what_only_resembles_one_stays(text: str) -> None:
    redact.know("correct-horse-battery-staple")
    assert redact.redact(text) == text


def test_what_is_too_short_to_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer than 8"):
        redact.know("admin")
    redact.know("administrator-7")


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("SECRET_KEY", "fp3-signs-the-sessions", "fp3-signs-the-sessions"),
        ("SECRET_KEY_FALLBACKS", "fp2-signed-sessions,fp1-signed-links", "fp2-signed-sessions"),
        ("SECRET_KEY_FALLBACKS", "fp2-signed-sessions,fp1-signed-links", "fp1-signed-links"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI/K7MDENG"),
        ("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEBYaDHqa0AP", "FwoGZXIvYXdzEBYaDHqa0AP"),
        ("DATABASE_URL", "postgres://console:tide%2Ftable-9@postgres:5432/console", "tide/table-9"),
        ("DATABASE_URL", "postgres://console:tide%2Ftable-9@postgres:5432/console", "tide%2Ftable-9"),
        ("REDIS_URL", "redis://:harbour-lamp-4@valkey:6379/0", "harbour-lamp-4"),
        ("LIVE_REDIS_URLS", "redis://valkey,redis://:harbour,lamp-4@other:6379/0", "harbour,lamp-4"),
        ("LIVE_REDIS_URLS", "redis://:harbour-lamp-4@valkey,redis://:quay%2Flight-6@other", "quay/light-6"),
        ("HTTPS_PROXY", "http://ops:gate-keeper-5@proxy:3128", "gate-keeper-5"),
    ],
)
def test_a_process_knows_the_secrets_it_was_started_with(monkeypatch: pytest.MonkeyPatch, name: str, value: str, secret: str) -> None:
    assert redact.redact(f"said {secret} twice") == f"said {secret} twice"
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(periodic, "_registered", {})
    apps.get_app_config("runs").ready()
    assert redact.redact(f"said {secret} twice") == f"said {MARK} twice"


def test_what_is_no_secret_in_an_environment_stays(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="runs.redact")
    redact.know_those_of(
        {
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "DATABASE_URL": "sqlite:////data/console.sqlite3",
            "REDIS_URL": "redis://127.0.0.1:6379/0",
            "HTTP_PROXY": "http://[nothing",
        }
    )
    text = "the sandbox at 127.0.0.1:6379 keeps /data/console.sqlite3"
    assert redact.redact(text) == text
    assert [record.getMessage().split()[0] for record in caplog.records] == ["AWS_SECRET_ACCESS_KEY"]
    assert "sandbox" not in caplog.text
