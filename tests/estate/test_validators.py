"""The one validator module: each refusal has a twin that is accepted, and hostile text never gets through."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from estate import validators

TWINS: list[tuple[Callable[[str], str], str, list[str]]] = [
    (
        validators.branch_name,
        "feature/SHOP-12_new+price-1",
        ["-feature", "--upload-pack=touch x", "a..b", "a:b", "@{-1}", "@", "a b", "a\\b", "refs/heads/a", "a.lock", "a.lock/b", "a//b",
             "/a", "a/",
         ".a", "a/.b", "a.", "a~1", "a^", "a?", "a*", "a[b", "HEAD", "a" * 101, "", "a\n", "a\x00", "é", "мaster", "0" * 40, "a;b",
         "$(a)", "`a`"],
    ),
    (
        validators.vpn_name,
        "jane.doe-2",
        ["ab", "Jane", "jane doe", "../jane", "jane..doe", "-jane", "jane-", ".jane", "1jane", "j" * 33, "jane;id", "jane\n",
             "jane$(id)", "server", "jané"],
    ),
    (validators.instance_id, "i-012e92fb498ad40d7", ["", "i-012e92fb498ad40d", "012e92fb498ad40d7", "i-012E92FB498AD40D7",
         "i-12345678 ", "i-1234567g"]),
    (
        validators.network,
        "203.0.113.0/24",
        ["", "0.0.0.0/0", "::/0", "128.0.0.0/1", "203.0.113.7/24", " 203.0.113.7", "203.0.113.7 ", "203.0.113", "203.0.113.256",
             "203.0.113.0/33",
         "::ffff:203.0.113.7", "127.0.0.1", "::1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "240.0.0.1", "203.0.112.0/23",
         "2001:db8::/32",
         "203.0.113.0/024x", "٢٠٣.0.113.7", "203.0.113.7\n", "fe80::1%eth0", "fe80::1", "0x7f.1", "3405803783"],
    ),
    (validators.idempotency_key, "7f9c24e8-3b12-4fef-91e0-5c1d2a3b4c5d", ["", "short", "a b c d e f",
         "é" * 10, "a" * 101, "abcdefgh\n", "<script>"]),
]  # fmt: skip
CASES = [(check, bad) for check, _, refused in TWINS for bad in refused]


@pytest.mark.parametrize(("check", "good"), [(check, good) for check, good, _ in TWINS], ids=lambda each: getattr(each, "__name__", None))
def test_the_accepted_twin_is_given_back(check: Callable[[str], str], good: str) -> None:
    assert check(good) == good


@pytest.mark.parametrize(("check", "bad"), CASES, ids=lambda each: getattr(each, "__name__", None) or ascii(each)[:40])
def test_what_is_refused_is_named_with_the_next_step(check: Callable[[str], str], bad: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check(bad)
    [said] = refused.value.messages
    assert said.startswith("“")
    assert said.endswith(".")
    assert len(said) < 330
    assert all(char.isprintable() for char in said)


@pytest.mark.parametrize("value", ["master", "develop", "prod", "release-2.4.6", "hotfix/1", "v1.2", "a+b", "_x"])
def test_ordinary_branches_pass(value: str) -> None:
    assert validators.branch_name(value) == value


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("2001:DB8:1::/48", "2001:db8:1::/48"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("10.0.3.4", "10.0.3.4/32"),
    ],
)
def test_a_network_is_kept_as_cidr(given_: str, kept: str) -> None:
    assert validators.network(given_) == kept


def test_a_wide_network_passes_only_where_that_was_meant() -> None:
    assert validators.network("203.0.0.0/16", wide=True) == "203.0.0.0/16"
    with pytest.raises(ValidationError, match=r"65,536 addresses"):
        validators.network("203.0.0.0/16")


def test_an_address_inside_a_network_is_told_its_network() -> None:
    with pytest.raises(ValidationError, match=r"203\.0\.113\.0/24"):
        validators.network("203.0.113.7/24")


def test_what_cannot_be_seen_is_spelt_out() -> None:
    with pytest.raises(ValidationError, match=r"ma<U\+202E>ster"):
        validators.branch_name("ma\u202ester")


# -- Generated. Shell, path, option, format and Unicode tricks, mixed with what is allowed.
_TRICKS = [
    ";id", "$(id)", "`id`", "|id", "&&id", "\n", "\r\n", "\x00", "../", "..", "--", "-o", "@{", "~", "^", ":", "\\", "%00", "%n",
    "${x}", "'", '"', "<b>", "\u202e",
    "\ufeff", "\u2013", "é", "１", "\x1b[31m", " ", "\t", "*", "?", "[", "{a,b}", "\ud7ff", "\U0001f600",
]  # fmt: skip
_allowed = st.text(string.ascii_letters + string.digits + "._-/", max_size=30)
hostile = st.builds(lambda before, trick, after: before + trick + after, _allowed, st.sampled_from(_TRICKS), _allowed)
anything = st.one_of(hostile, st.text(max_size=120), _allowed)

SAFE: dict[Callable[[str], str], str] = {
    validators.branch_name: r"[A-Za-z0-9_][A-Za-z0-9._/+-]{0,99}",
    validators.vpn_name: r"[a-z][a-z0-9._-]{1,30}[a-z0-9]",
    validators.instance_id: r"i-[0-9a-f]{8,17}",
    validators.network: r"[0-9a-f.:]{2,45}/[0-9]{1,3}",
    validators.idempotency_key: r"[A-Za-z0-9][A-Za-z0-9._:-]{7,99}",
}


@pytest.mark.parametrize("check", list(SAFE), ids=lambda each: each.__name__)
def test_whatever_comes_in_only_safe_text_goes_on(check: Callable[[str], str]) -> None:
    safe = re.compile(SAFE[check], re.ASCII)

    @settings(max_examples=1200, deadline=None, database=None)
    @given(anything)
    @example("a\n")
    @example("")
    def judge(value: str) -> None:
        try:
            kept = check(value)
        except ValidationError:
            return
        assert safe.fullmatch(kept)
        assert ".." not in kept or check is validators.idempotency_key
        assert not kept.startswith("-")

    judge()
