"""The edits and the module list: pure functions of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.bundle.edits import Edits, Redirect, difference, edit_redirects, edit_settings
from deployments.bundle.modules import ModuleChanges, compare_modules, parse_modules

STOCK = b"; Magento\nmemory_limit = 756M\nmax_execution_time = 18000\nsession.auto_start = off\n"
LIMITS = (("memory_limit", "2G"), ("max_execution_time", "3600"))


def test_settings_are_set_where_they_stand() -> None:
    assert edit_settings(STOCK, LIMITS) == b"; Magento\nmemory_limit = 2G\nmax_execution_time = 3600\nsession.auto_start = off\n"


def test_a_setting_that_is_not_there_is_appended_and_comments_stay() -> None:
    assert edit_settings(b";memory_limit = 1M", LIMITS[:1]) == b";memory_limit = 1M\nmemory_limit = 2G\n"
    assert edit_settings(b"memory_limit_x = 1\n", LIMITS[:1]) == b"memory_limit_x = 1\nmemory_limit = 2G\n"


def test_windows_line_ends_stay() -> None:
    assert edit_settings(b"a = 1\r\nmemory_limit=1M\r\nb = 2\r\n", LIMITS[:1]) == b"a = 1\r\nmemory_limit = 2G\r\nb = 2\r\n"


def test_redirects_stand_first_and_are_replaced() -> None:
    once = edit_redirects(b"RewriteEngine on\n", (Redirect("/old.html", "/new"), Redirect("/shop", "https://www.client.url/", 302)))
    assert once.decode().splitlines() == [
        "# Redirections of this release",
        "RedirectMatch 301 ^/old\\.html$ /new",
        "RedirectMatch 302 ^/shop$ https://www.client.url/",
        "# End of the redirections of this release",
        "",
        "RewriteEngine on",
    ]
    assert edit_redirects(once, (Redirect("/a", "/b"),)).count(b"RedirectMatch") == 1
    assert edit_redirects(once, ()) == b"RewriteEngine on\n"


@given(st.binary(max_size=200))
def test_editing_twice_is_editing_once(text: bytes) -> None:
    edits = Edits(LIMITS, (Redirect("/a", "/b"),))
    for path in edits.files:
        once = edits.apply(path, text)
        assert edits.apply(path, once) == once


def test_the_diff_reads_as_git_shows_it() -> None:
    assert difference(".user.ini", b"a = 1\nb = 2\n", b"a = 1\nb = 3\n").splitlines() == [
        "--- a/.user.ini", "+++ b/.user.ini", "@@ -1,2 +1,2 @@", " a = 1", "-b = 2", "+b = 3",
    ]  # fmt: skip
    assert "\\ No newline at end of file" in difference("x", b"a", b"b\n")
    assert difference("x", b"a", b"a") == ""


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Redirect("old", "/new"),
        lambda: Redirect("/old path", "/new"),
        lambda: Redirect("/old", "/new\nOptions All"),
        lambda: Redirect("/old", "javascript:x"),
        lambda: Redirect("/old", "/new", 200),
        lambda: Edits((("memory_limit", "2G\nauto_prepend_file = /tmp/x"),)),
        lambda: Edits((("memory limit", "2G"),)),
    ],
)
def test_what_is_not_an_edit_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="is not"):
        wrong()  # type: ignore[operator]


def test_what_is_an_edit_is_accepted() -> None:
    assert Edits((("memory_limit", "2G"), ("session.save_path", "tcp://10.0.1.5:6379")), (Redirect("/old", "https://x.y/z?a=1"),)).files
    assert Edits().files == ()


def test_equal_edits_have_equal_names() -> None:
    assert Edits(LIMITS).digest == Edits(LIMITS).digest != Edits(LIMITS[:1]).digest


CONFIG = b"""<?php
return [
    'modules' => [
        'Magento_Store' => 1,
        // 'Client_Old' => 1,
        'Client_Dlm' => 0,
        "Amasty_Base" => 1
    ],
    'scopes' => ['websites' => ['Not_Module' => 1]]
];
"""


def test_modules_are_read_in_their_order() -> None:
    assert list(parse_modules(CONFIG).items()) == [("Magento_Store", True), ("Client_Dlm", False), ("Amasty_Base", True)]
    assert parse_modules(b"<?php return array('modules' => array('A_B' => 1));") == {"A_B": True}
    assert parse_modules(b"<?php return [];") == {}


def test_module_lists_are_compared() -> None:
    old, new = {"A_A": True, "B_B": True, "C_C": False}, {"B_B": False, "C_C": True, "D_D": True}
    assert compare_modules(old, new) == ModuleChanges(added=("D_D",), removed=("A_A",), enabled=("C_C",), disabled=("B_B",))
    assert not compare_modules(new, new)
