"""easy-rsa's index, and the whole report of a host: read where it is right, and never an accident where it is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from access.models import VpnCertificate
from access.programs import Sections
from access.vpn import index, register, server
from access.vpn.pages import all_rows
from access.vpn.sessions import Session

RIGHT = "V\t280226104500Z\t\t7A01\tunknown\t/CN=jane.doe"


def test_a_line_is_read() -> None:
    (found,) = index.lines(RIGHT)
    assert (found.state, found.serial, found.name, found.text) == ("V", "7A01", "jane.doe", RIGHT)
    assert found.ends == datetime(2028, 2, 26, 10, 45, tzinfo=UTC)
    (gone,) = index.lines("R\t20510226104500Z\t261126104500Z,keyCompromise\t7A02\tunknown\t/C=FR/O=Client/CN=Doe, Jane/emailAddress=j@x")
    assert (gone.state, gone.name) == ("R", "Doe, Jane")
    assert gone.ends.year == 2051
    assert gone.revoked == datetime(2026, 11, 26, 10, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        "",
        RIGHT[:30],
        RIGHT.replace("V\t", "X\t"),
        RIGHT.replace("7A01", "7a01"),
        RIGHT.replace("7A01", "A" * 41),
        RIGHT.replace("7A01", ""),
        RIGHT.replace("280226", "281326"),
        RIGHT.replace("/CN=jane.doe", "/O=jane.doe"),
        RIGHT.replace("jane.doe", ""),
        RIGHT + "\tmore",
    ],
)
def test_what_is_no_line_is_left_out(line: str) -> None:
    assert index.lines(f"{line}\n{RIGHT}\r\n") == index.lines(RIGHT)


def test_the_server_s_own_certificates_are_nobody_s_and_its_likes_are_somebody_s() -> None:
    earlier = ("server", "ca", "server_x7KdPq2LmN8vRt4Z")
    found = index.lines("\n".join(RIGHT.replace("jane.doe", name) for name in (*earlier, "vpn.client", "server_bob", "jane.doe")))
    assert [line.name for line in index.people(found, "vpn.client")] == ["server_bob", "jane.doe"]


_words = st.text(st.characters(codec="utf-8"), max_size=30)


@given(
    st.lists(
        st.tuples(st.sampled_from(["now", "index", "crl-place", "crl", "ca", "status-file", "management", "status-age"]), _words, _words)
    )
)
@example([("now", "9" * 400, "")])
@example([("status-age", "99999999999999999", ""), ("status-file", "", "TITLE,x\nEND\n")])
@example([("now", "0", ""), ("crl-place", "x", ""), ("crl", "", "-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n")])
def test_whatever_a_host_reports_is_read_or_refused(parts: list[tuple[str, str, str]]) -> None:
    text = "".join(f"\036{name} {word}\n{body}\n" for name, word, body in parts)
    try:
        found = server.read(Sections(text))
    except (ValueError, OverflowError, OSError):
        return  # what `look` makes a refusal of
    assert "\0" not in str(found.to_json())


@pytest.mark.django_db
def test_one_serial_twice_is_one_certificate() -> None:
    found = server.read(Sections(f"\036now 1\n\036index\n{RIGHT}\n{RIGHT}\n"))
    register.remember(found, timezone.now())
    register.remember(found, timezone.now())
    assert VpnCertificate.objects.get().name == "jane.doe"


@pytest.mark.django_db
def test_a_session_of_a_name_that_no_index_has_is_shown() -> None:
    VpnCertificate.objects.create(
        serial="7A01", name="jane.doe", ends=timezone.now() + timedelta(9), line=RIGHT, seen=timezone.now(), on_server="V"
    )
    sessions = [Session(name, "203.0.113.9:1", "10.8.0.6", 1, 1, None).to_json() for name in ("jane.doe", "nobody")]
    found = {row.name: (row.state, row.light) for row in all_rows(timezone.now(), {"sessions": sessions})}
    assert found == {"jane.doe": ("not in register", "unknown"), "nobody": ("connected, in no index", "bad")}


@pytest.mark.parametrize(
    "text, serials, ok",
    [
        (RIGHT.replace("V\t28", "V\t25"), [], [True, True]),
        (RIGHT, ["7A01"], [False, False]),
        (RIGHT.replace("V\t280226104500Z\t", "R\t280226104500Z\t261126104500Z"), ["7A01"], [True, True]),
        ("", ["7A01"], [False, True]),
    ],
    ids=["run out", "valid", "revoked", "lost"],
)
def test_who_has_no_certificate_with_time_left_has_none_to_be_revoked(text: str, serials: list[str], ok: list[bool]) -> None:
    found = server.read(Sections(f"\036now {datetime(2026, 11, 26, tzinfo=UTC).timestamp():.0f}\n\036index\n{text}\n"))
    assert [line["ok"] for line in server.proof_of_revocation(found, "jane.doe", serials)][:2] == ok
