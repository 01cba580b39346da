"""Text widgets: markdown that somebody wrote in CloudWatch, as HTML that can do nothing.

HTML in it is shown as text, links keep http(s) and mail alone, pictures are left out: they would ask other machines.
"""

from __future__ import annotations

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "html_block", "html_inline"])
LONGEST = 20_000  # characters


def html(markdown: str) -> SafeString:
    safe: SafeString = mark_safe(_reader.render(markdown[:LONGEST]))  # noqa: S308 (escaped by the reader: html is off)
    return safe
