"""Hostile names and addresses: refused by form, API, worker and host by one rule, with nothing executed and never a 500."""

from __future__ import annotations

import json
import os
import random
import re
import string
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from access.models import VpnUser
from access.programs import source
from estate.validators import RESERVED_VPN_NAMES, vpn_name
from people.models import Operator
from runs.models import Run

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
    "a=b",
    "a,b",
    "a:b",
    "jane@doe",
    "-",
    "a/../../../root/.ssh/authorized_keys",
    "\x1b[2J",
    "<script>",
    "' OR 1=1 --",
    "{{7*7}}",
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


RULE = re.compile(r"[a-z][a-z0-9._-]{1,30}[a-z0-9]", re.ASCII)


def hostile() -> list[str]:
    made = {around.replace("{}", seed.format(c=CANARY) if "{c}" in seed else seed) for seed in _SEEDS for around in _AROUND}
    return sorted(name for name in made if not RULE.fullmatch(name) or ".." in name)


def is_taken(name: str) -> bool:
    try:
        return vpn_name(name) == name
    except ValidationError:
        return False


def generated() -> list[str]:
    """Ten thousand: some nearly right, most not."""
    choose, alphabet = random.Random(6), string.ascii_letters + string.digits + "._-/;$`|& \n\0é"
    return [
        "".join(choose.choice(alphabet if choose.random() < 0.4 else "abz09._-") for _ in range(choose.randrange(0, 36)))
        for _ in range(10_000)
    ]


def test_a_thousand_hostile_names_are_refused() -> None:
    assert len(hostile()) >= 1000
    assert [name for name in hostile() if is_taken(name)] == []
    assert is_taken("jane.doe"), "and an honest one is not"


def test_ten_thousand_generated_names_are_judged_as_the_rule_says() -> None:
    taken = [name for name in generated() if is_taken(name)]
    assert all(RULE.fullmatch(name) and ".." not in name for name in taken)
    assert [name for name in generated() if RULE.fullmatch(name) and ".." not in name and name not in RESERVED_VPN_NAMES] == taken
    assert 100 < len(taken) < 5000


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_judged_and_nothing_else_happens(name: str) -> None:
    assert is_taken(name) in (True, False)


def test_the_host_judges_by_the_same_rule(tmp_path: Path) -> None:
    """The function of the program that runs as root, fed with every name that one line can carry."""
    honest = ["jane.doe", "a-b", "abc", "x1.y2-z3", "a" * 32]
    names = [name for name in [*hostile(), *generated(), *honest, "default", "tls-auth"] if "\n" not in name and "\0" not in name]
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
    assert len(said) == len(names) > 9000
    assert [name for name, ok in zip(names, said, strict=True) if ok != is_taken(name)] == []
    assert sum(said) > 100
    assert list(tmp_path.iterdir()) == []
    assert not Path(CANARY).exists()


def test_the_host_s_program_makes_nothing_of_a_hostile_name(tmp_path: Path) -> None:
    """All of it, as root would run it: whatever the name is, create_user.sh is never called, and no file is made or read for it."""
    program, clients = tmp_path / "vpn", tmp_path / "root/root/client-configs"
    program.write_bytes(source("vpn"))
    (clients / "files").mkdir(parents=True)
    script = clients / "create_user.sh"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$1" >>"$OPSCONSOLE_ROOT/called"\n')
    script.chmod(0o700)
    before = sorted(tmp_path.rglob("*"))
    # One shell asks for all of them, each as one word: what an SSH session would hand over.
    loop = 'for name in "$@"; do sh ../vpn "$VERB" "$name" >../said 2>&1; [ $? -eq 64 ] || printf "%s\\n" "$name"; done'
    names = [name for name in hostile() if "\0" not in name]
    for verb in ("create", "set-aside", "profile", "suspend"):
        environment = {**os.environ, "OPSCONSOLE_ROOT": str(tmp_path / "root"), "VERB": verb}
        argv = [name.encode("utf-8", "surrogatepass") for name in (names if verb == "create" else names[::5])]
        told = subprocess.run(
            ["sh", "-c", loop, "sh", *argv], capture_output=True, cwd=tmp_path / "root", env=environment, timeout=110, check=True
        )
        assert told.stdout == b"", f"{verb} did not refuse these"
    (tmp_path / "said").unlink()
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path(CANARY).exists()
    subprocess.run(["sh", program, "create", "jane.doe"], env=environment, check=True, capture_output=True, timeout=20)
    assert (tmp_path / "root/called").read_text() == "jane.doe\n", "and an honest one is made"


@pytest.mark.django_db
@pytest.mark.timeout(2400)
def test_no_hostile_name_gets_a_500_or_a_row(operator: Operator, client: Client) -> None:
    """By the form and by the API in turns; with HOSTILE_NAMES=all each by both, and ten thousand generated ones.

    Refused before anybody is asked: no host is reachable here.
    """
    client.force_login(operator)
    words = {"person": "x", "reason": "y", "expires": "2027-01-01"}
    whole = os.environ.get("HOSTILE_NAMES") == "all"
    answers: Counter[int] = Counter()
    for number, name in enumerate(name for name in [*hostile(), *(generated() if whole else ())] if not is_taken(name)):
        if whole or number % 2 == 0:
            answers[client.post("/access/vpn/", words | {"name": name}).status_code] += 1
        if whole or number % 2 == 1:
            body = json.dumps(words | {"name": name, "expires": "2027-01-01T00:00:00Z"})
            answers[client.post("/api/v1/vpn-users", body, content_type="application/json").status_code] += 1
        assert set(answers) <= {400, 422}, (name, answers)
    assert answers.total() >= (20_000 if whole else 1000)
    assert answers[422] > 0.9 * answers.total()
    assert VpnUser.objects.count() == 0
    assert Run.objects.count() == 0
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
