"""Hostile names and addresses: refused by form, API, worker and host by one rule, with nothing executed and never a 500."""

from __future__ import annotations

import json
import random
import re
import string
import subprocess
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from access.models import VpnUser
from access.programs import source
from estate.validators import vpn_name
from people.models import Operator

CANARY = "/tmp/opsconsole-canary"  # noqa: S108 -- what a shell would leave if any of these were ever part of a command line
_SEEDS = (
    "a; touch {c}",
    "$(touch {c})",
    "`touch {c}`",
    "a|touch {c}",
    "a&touch {c}",
    "a\ntouch {c}",
    "--help",
    "-rf",
    "../../etc/passwd",
    "a/../b",
    "a..b",
    "ca",
    "server",
    "root",
    "REVOKED-x",
    "a b",
    "a\tb",
    "a\0b",
    "é",
    "ａｂｃ",
    "a\u202eb",
    "a'b",
    'a"b',
    "a\\b",
    "%2e%2e",
    "a>b",
    "*",
    "?",
    "~root",
    "${IFS}",
    "a\r\nX: y",
    "A",
    "1abc",
    ".abc",
    "abc.",
    "abc-",
    "ab",
    "a",
    "",
    " ",
    "a" * 33,
    "a" * 5000,
    "a{b,c}",
    "jane.doe\n",
    "\njane.doe",
    "#",
    "!!",
)
_AROUND = (
    "{}",
    "a{}b",
    "{}zzz",
    "jane{}",
    "x.{}.y",
    " {} ",
    "{}{}",
    "--{}",
    "{}\n",
    "\u200b{}",
    "{};",
    "({})",
    "'{}'",
    '"{}"',
    "/{}",
    "{}/",
    "$({})",
    "`{}`",
    "{}&&true",
    "|{}",
    "\\{}",
    "{}%00",
)


def hostile() -> list[str]:
    made = {around.replace("{}", seed.format(c=CANARY) if "{c}" in seed else seed) for seed in _SEEDS for around in _AROUND}
    return sorted(name for name in made if not re.fullmatch(r"[a-z][a-z0-9._-]{1,30}[a-z0-9]", name, re.ASCII) or ".." in name)


def is_taken(name: str) -> bool:
    try:
        return vpn_name(name) == name
    except ValidationError:
        return False


def test_a_thousand_hostile_names_are_refused() -> None:
    names = hostile()
    assert len(names) >= 900
    more = [f"{name}{tail}" for name in names[:200] for tail in (";id", "$(id)")]
    assert len([*names, *more]) >= 1000
    assert [name for name in [*names, *more] if is_taken(name)] == []
    assert is_taken("jane.doe"), "and an honest one is not"


def test_ten_thousand_generated_names_are_judged_as_the_rule_says() -> None:
    rule = re.compile(r"[a-z][a-z0-9._-]{1,30}[a-z0-9]", re.ASCII)
    choose, alphabet = random.Random(6), string.ascii_letters + string.digits + "._-/;$`|& \n\0é"
    taken = 0
    for _ in range(10_000):
        name = "".join(choose.choice(alphabet if choose.random() < 0.4 else "abz09._-") for _ in range(choose.randrange(0, 36)))
        if is_taken(name):
            taken += 1
            assert rule.fullmatch(name)
            assert ".." not in name
    assert taken > 100


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_judged_and_nothing_else_happens(name: str) -> None:
    assert is_taken(name) in (True, False)


def test_the_host_judges_by_the_same_rule(tmp_path: Path) -> None:
    """The function of the program that runs as root, fed with every name that one line can carry."""
    names = [
        name
        for name in [*hostile(), "jane.doe", "a-b", "abc", "x1.y2-z3", "a" * 32, "default", "tls-auth"]
        if "\n" not in name and "\0" not in name
    ]
    text = source("vpn").decode()
    functions = text[text.index("refuse() {") : text.index("check_serial() {")]
    loop = 'while IFS= read -r name; do (check_name "$name" >/dev/null) && echo yes || echo no; done'
    ran = subprocess.run(
        ["sh", "-c", f"set -f; LC_ALL=C; export LC_ALL\n{functions}\n{loop}"],
        input="".join(f"{name}\n" for name in names).encode("utf-8", "surrogatepass"),
        capture_output=True,
        cwd=tmp_path,
        timeout=100,
        check=True,
    )
    said = [line == "yes" for line in ran.stdout.decode().splitlines()]
    assert len(said) == len(names)
    assert [name for name, ok in zip(names, said, strict=True) if ok != is_taken(name)] == []
    assert sum(said) == 5
    assert list(tmp_path.iterdir()) == []
    assert not Path(CANARY).exists()


@pytest.mark.django_db
@pytest.mark.timeout(600)
def test_no_hostile_name_gets_a_500_or_a_row(operator: Operator, client: Client) -> None:
    """Refused before anybody is asked: no host is reachable here."""
    client.force_login(operator)
    csrf = {"person": "x", "reason": "y", "expires": "2027-01-01"}
    for name in hostile()[::12]:
        answer = client.post("/access/vpn/", csrf | {"name": name})
        assert answer.status_code in (400, 422), (name, answer.status_code)
    for name in hostile()[1::12]:
        body = json.dumps({"name": name, "person": "x", "reason": "y", "expires": "2027-01-01T00:00:00Z"})
        answer = client.post("/api/v1/vpn-users", body, content_type="application/json")
        assert answer.status_code in (400, 422), (name, answer.status_code)
    assert VpnUser.objects.count() == 0
    assert not Path(CANARY).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "cidr",
    ["0.0.0.0/0", "::/0", "x", "", " 1.2.3.4 /32", "1.2.3.4/33", "::ffff:1.2.3.4", "1.2.3.4;id", "\u0661.2.3.4", "1.2.3.4/0", "a" * 3000],
)
def test_no_hostile_address_gets_a_500_or_a_row(admin: Operator, client: Client, cidr: str) -> None:
    client.force_login(admin)
    words = {"cidr": cidr, "services": ["rdp"], "owner": "x", "reason": "y"}
    assert client.post("/access/allow-list/new/", words | {"until": "2027-01-01T10:00"}).status_code in (400, 422)
    body = json.dumps(words | {"until": "2027-01-01T10:00:00Z"})
    assert client.post("/api/v1/allowed-addresses", body, content_type="application/json").status_code == 422
