"""What create_user.sh left, judged: its real runs on a host's files, each way in which they fail, each thing that a profile can lack."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from access.vpn import profile
from sandbox.hosts import vpn
from sandbox.hosts.vpn import authority, files
from tests.access.host import Ground

pytestmark = pytest.mark.skipif(shutil.which("openssl", path="/usr/bin:/bin") is None, reason="NOT RUN: openssl is not installed here")
WITHOUT_CHECKS = "\n./easyrsa --batch gen-req $1 nopass\n./easyrsa --batch sign-req client $1\n"
BUILD_FULL = "\n./easyrsa --batch build-client-full $1 nopass\n"  # the other usual kind: it refuses what is there


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("vpn"))


@pytest.fixture(scope="module")
def good(ground: Ground) -> str:
    """jane.doe's profile, which nothing is wrong with; john.doe's is there for mistakes."""
    for name in ("john.doe", "jane.doe"):
        found, _ = ground.created(name)
        assert found.problems == ()
        assert found.valid is not None
    return ground.file("jane.doe").read_text()


# -- The script


def no_script(ground: Ground) -> None:
    vpn.break_(ground.host, "script")


def no_base(ground: Ground) -> None:
    vpn.break_(ground.host, "base.conf")


def no_ta_key(ground: Ground) -> None:
    vpn.break_(ground.host, "ta.key")


def pass_phrase(ground: Ground) -> None:
    vpn.break_(ground.host, "pass phrase")


def full_disk(ground: Ground) -> None:
    vpn.break_(ground.host, "disk")


def no_easy_rsa(ground: Ground) -> None:
    program = ground.root / "root/easy-rsa/easyrsa"
    program.rename(program.with_name("easyrsa.gone"))


MODES: dict[str, tuple[Callable[[Ground], None], str]] = {
    "t.script": (no_script, "There is no /root/client-configs/create_user.sh on the host."),
    "t.base": (no_base, "There is no /root/client-configs/base.conf on the host"),
    "t.ta-key": (no_ta_key, "There is no /root/client-configs/keys/ta.key on the host"),
    "t.phrase": (pass_phrase, "The CA's key asks for a pass phrase"),
    "t.disk": (full_disk, "The host's disk is full"),
    "t.easy-rsa": (no_easy_rsa, "There is no /root/easy-rsa/easyrsa that can be run"),
}


@pytest.mark.parametrize("name", MODES)
def test_each_failure_is_told_apart_and_what_to_do_then_helps(ground: Ground, name: str) -> None:
    breaks, words = MODES[name]
    breaks(ground)
    try:
        found, said = ground.created(name)
    finally:
        vpn.mend(ground.host)
        easyrsa = ground.root / "root/easy-rsa/easyrsa"
        if (gone := easyrsa.with_name("easyrsa.gone")).exists():
            gone.rename(easyrsa)
    assert found.problems != ()
    why = profile.why_it_failed(found, name, said)
    assert why.startswith(words)
    assert [other for _, other in MODES.values() if other in why] == [words], "no other reason is named"
    assert f"then create {name} again" in why or f"then re-issue {name}" in why
    if found.valid is None:
        ground.run("set-aside", name)
    again, said = ground.created(name)
    assert again.problems == (), said
    assert again.serial != found.serial, "a certificate of its own"


@pytest.mark.skipif(not files.is_real(), reason="NOT RUN: easy-rsa is not installed here")
def test_a_name_that_easy_rsa_has_files_of_is_said_to_be_taken(ground: Ground) -> None:
    script = ground.root / "root/client-configs/create_user.sh"
    text = script.read_text()
    assert WITHOUT_CHECKS in text
    script.write_text(text.replace(WITHOUT_CHECKS, BUILD_FULL))
    try:
        found, said = ground.created("t.free")
        assert found.problems == (), said
        (ground.root / "root/easy-rsa/pki/reqs/t.taken.req").touch()
        found, said = ground.created("t.taken")
    finally:
        script.write_text(text)
    assert found.valid is None
    assert profile.why_it_failed(found, "t.taken", said).startswith("The name t.taken is taken on the host")


def test_what_nobody_foresaw_is_told_by_what_is_there(ground: Ground) -> None:
    why = profile.why_it_failed(ground.look("t.nobody"), "t.nobody", "Killed\n")
    assert why.startswith("The PKI index has no valid certificate of t.nobody.")
    assert "then create t.nobody again" in why


# -- The profile


def between(text: str, name: str, new: str) -> str:
    return re.sub(rf"(?s)<{name}>\n.*</{name}>\n", new, text)


def block(text: str, name: str) -> str:
    found = re.search(rf"(?s)<{name}>\n.*</{name}>\n", text)
    assert found is not None
    return found[0]


FLAWS: dict[str, tuple[Callable[[Ground, str], str | None], str]] = {
    "missing": (lambda ground, text: None, "There is no profile"),
    "empty": (lambda ground, text: "\n", "The profile is empty."),
    "no remote": (lambda ground, text: text.replace("remote vpn.client.url 1194\n", ""), "has no “remote” line"),
    "no CA": (lambda ground, text: between(text, "ca", ""), "has no certificate in <ca>"),
    "no certificate": (lambda ground, text: between(text, "cert", "<cert>\n</cert>\n"), "has no certificate in <cert>"),
    "no key": (lambda ground, text: between(text, "key", "<key>\n</key>\n"), "has no private key in <key>"),
    "no tls-crypt": (lambda ground, text: between(text, "tls-crypt", ""), "has no key in <tls-crypt>"),
    "cut off": (lambda ground, text: text[: text.index("</key>") - 90], "has no private key in <key>"),
    "another's": (lambda ground, text: ground.file("john.doe").read_text(), "is not jane.doe's: CN=john.doe"),
    "another's key": (
        lambda ground, text: between(text, "key", block(ground.file("john.doe").read_text(), "key")),
        "does not belong to its certificate",
    ),
    "another CA's": (
        lambda ground, text: between(text, "cert", f"<cert>\n{foreign('jane.doe')}</cert>\n"),
        "does not verify against the CA",
    ),
}


def foreign(name: str) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        pki, now = Path(folder), datetime.now(UTC)
        authority.init(pki, now=now)
        authority.gen_req(pki, name)
        authority.sign_req(pki, "client", name, now=now)
        return (pki / f"issued/{name}.crt").read_text()


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_of_a_profile_is_found(ground: Ground, good: str, flaw: str) -> None:
    spoil, words = FLAWS[flaw]
    path = ground.file("jane.doe")
    try:
        if (spoilt := spoil(ground, good)) is None:
            path.unlink()
        else:
            assert spoilt != good
            path.write_text(spoilt)
        problems = ground.look("jane.doe").problems
    finally:
        path.write_text(good)
        path.chmod(0o600)
    assert any(words in each for each in problems), problems
    assert ground.look("jane.doe").problems == ()


def test_a_profile_that_others_may_read_and_one_that_is_older_than_the_index(ground: Ground, good: str) -> None:
    path = ground.file("jane.doe")
    path.chmod(0o644)
    (problem,) = ground.look("jane.doe").problems
    assert "mode 644" in problem
    path.chmod(0o600)
    ground.created("jim.doe")
    path = ground.file("jim.doe")
    older = path.read_text()
    ground.created("jim.doe")
    newer = path.read_text()
    path.write_text(older)
    assert any("is not the newest one" in each for each in ground.look("jim.doe").problems)
    path.write_text(newer)
    assert ground.look("jim.doe").problems == ()


def test_no_secret_leaves_the_host_with_a_look(ground: Ground, good: str) -> None:
    told = ground.run("look", "jane.doe")
    whole = ground.run("profile", "jane.doe")
    for name in ("key", "tls-crypt"):
        lines = [line for line in block(whole, name).splitlines() if len(line) > 30 and "--" not in line]
        assert lines, name
        assert [line for line in lines if line in told] == []
