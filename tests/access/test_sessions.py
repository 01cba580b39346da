"""Who is connected, as OpenVPN's status says it: what OpenVPN 2.6.14 wrote and answered, what 2.4 wrote, and what nobody should."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from access.vpn import sessions
from access.vpn.sessions import Session

RECORDED = Path(__file__).parent / "recorded"  # two clients of Debian's openvpn, one by the name of “Doe, Jane”
# The columns of 2.4, whose dates are of another form.
OLD_1 = """OpenVPN CLIENT LIST
Updated,Tue Jun  5 12:53:27 2018
Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since
laptop,203.0.113.9:1194,17,23,Tue Jun  5 12:50:01 2018
ROUTING TABLE
Virtual Address,Common Name,Real Address,Last Ref
10.8.0.6,laptop,203.0.113.9:1194,Tue Jun  5 12:53:20 2018
10.9.0.0/24,laptop,203.0.113.9:1194,Tue Jun  5 12:53:20 2018
GLOBAL STATS
Max bcast/mcast queue length,0
END
"""
OLD_2 = """TITLE,OpenVPN 2.4.4
TIME,Tue Jun  5 12:53:27 2018,1528203207
HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Bytes Received,Bytes Sent,Connected Since,Connected Since (time_t),Username
CLIENT_LIST,laptop,203.0.113.9:1194,10.8.0.6,17,23,Tue Jun  5 12:50:01 2018,1528203001,UNDEF
HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)
ROUTING_TABLE,10.8.0.6,laptop,203.0.113.9:1194,Tue Jun  5 12:53:20 2018,1528203200
GLOBAL_STATS,Max bcast/mcast queue length,0
END
"""
LAPTOP = Session("laptop", "203.0.113.9:1194", "10.8.0.6", 17, 23, datetime(2018, 6, 5, 12, 50, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", ["status-1", "status-2", "status-3", "management-1", "management-2", "management-3"])
def test_what_the_real_openvpn_says(name: str) -> None:
    found = sessions.status((RECORDED / f"{name}.txt").read_bytes().decode())
    assert found is not None
    assert found.at is not None
    by_name = {each.name: each for each in found.sessions}
    assert set(by_name) == {"jane.doe", "Doe, Jane"}, "a name with a comma in it is one name"
    for each in found.sessions:
        assert each.real.startswith("127.0.0.1:")
        assert each.virtual.startswith("10.8.")
        assert 1900 < each.received < each.sent
        assert each.since is not None
        assert 5 < (found.at - each.since).total_seconds() < 20
    assert by_name["jane.doe"].virtual != by_name["Doe, Jane"].virtual


@pytest.mark.parametrize("text", [OLD_1, OLD_2, OLD_2.replace(",", "\t"), OLD_1.replace("\n", "\r\n")])
def test_what_2_4_said(text: str) -> None:
    found = sessions.status(text)
    assert found == sessions.Status(datetime(2018, 6, 5, 12, 53, 27, tzinfo=UTC), (LAPTOP,))
    assert Session.from_json(LAPTOP.to_json()) == LAPTOP


def test_half_a_status_is_none() -> None:
    """While it is written anew: no end, no beginning, or nothing at all."""
    whole = (RECORDED / "status-2.txt").read_text()
    assert sessions.status(whole) is not None
    for cut in range(len(whole) - 1):
        assert sessions.status(whole[:cut]) is None, whole[:cut][-20:]
    assert sessions.status(whole[10:]) is None
    assert sessions.status(">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info\r\n") is None
    assert sessions.status("ENTER PASSWORD:") is None


def test_a_client_that_has_not_proven_who_it_is_is_nobody() -> None:
    found = sessions.status(OLD_2.replace("CLIENT_LIST,laptop", "CLIENT_LIST,UNDEF"))
    assert found is not None
    assert found.sessions == ()


_words = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=20)
_rows = st.lists(st.lists(_words, max_size=14), max_size=12)
_heads = st.sampled_from(
    [
        "OpenVPN CLIENT LIST\nUpdated\nCommon Name,Real Address,Bytes Received,Bytes Sent,Connected Since",
        "OpenVPN CLIENT LIST\nROUTING TABLE\nVirtual Address,Common Name,Real Address,Last Ref",
        "OpenVPN CLIENT LIST\nCommon Name\nVirtual Address",
        "TITLE,x\nTIME,1\nHEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address",
        "TITLE\tx\nTIME\nHEADER\tCLIENT_LIST\tCommon Name",
        "TITLE,x\nHEADER,CLIENT_LIST,Real Address",
        "TITLE,x",
    ]
)


@given(_heads, _rows, st.sampled_from(["CLIENT_LIST", "ROUTING_TABLE", "", "TIME"]), st.sampled_from([",", "\t"]))
@example("TITLE,x\nHEADER,CLIENT_LIST,Common Name,Bytes Received", [["a", "9" * 5000], ["b", "٣"]], "CLIENT_LIST", ",")
@example("TITLE,x\nHEADER,CLIENT_LIST,Common Name,Connected Since (time_t)", [["a", "99999999999"], ["b", "-1"]], "CLIENT_LIST", ",")
def test_whatever_a_host_writes_is_a_status_or_none(head: str, rows: list[list[str]], kind: str, separator: str) -> None:
    body = "".join(f"{separator.join([kind, *row] if kind else row)}\n" for row in rows)
    found = sessions.status(f"{head}\n{body}END\n")
    assert found is not None
    for each in found.sessions:
        assert Session.from_json(each.to_json()) == each
        assert each.received >= 0


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert sessions.status(text) is None
