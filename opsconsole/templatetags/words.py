"""How the console writes: durations, times, ages, sizes, state glyphs. A template builtin, so every page says the same thing the same way.

Numbers and times follow one rule book: a number has its unit, a time has its zone once per group, a state has its glyph and its word.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from estate import reading
from runs import ansi

register = template.Library()

THIN = "\u202f"  # a narrow space that does not break
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def zone() -> ZoneInfo:
    return reading.current().time_zone


@register.filter
def duration(value: float | timedelta | None) -> str:
    """The two largest units: `1 d 15 h`, `15 min 21 s`, `0.4 s`."""
    if value is None or value == "":
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if 0 < seconds < 0.1:
        return "< 0.1 s"
    if 0 < seconds < 1:
        return f"{seconds:.1f} s"
    left = int(max(seconds, 0))
    for (large, one), (small, two) in pairwise(_UNITS):
        if left >= large:
            return f"{left // large} {one} {left % large // small:02d} {two}"
    return f"{left} s"


@register.filter
def seconds(value: float) -> str:
    """Of one answer: `0.41 s`."""
    return f"{value:.2f} s"


@register.filter
def minus(later: datetime, earlier: datetime) -> timedelta:
    return later - earlier


@register.filter
def about(value: float | timedelta | None) -> str:
    """A forecast, no more exact than it is: `40 s`, `4 min`, `1 h 10 min`."""
    if value is None or value == "":
        return "unknown"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 90:
        return f"{max(round(seconds / 5) * 5, 5 if seconds > 2 else 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


@register.filter
def clock(value: datetime | None) -> str:
    """`02:19:31`, in the estate's zone."""
    return value.astimezone(zone()).strftime("%H:%M:%S") if value else "–"


@register.filter
def minute(value: datetime | None) -> str:
    return value.astimezone(zone()).strftime("%H:%M") if value else "–"


@register.filter
def clock_zone(value: datetime | None) -> str:
    """`02:19:31 CET`."""
    return value.astimezone(zone()).strftime("%H:%M:%S %Z") if value else "–"


@register.filter
def minute_zone(value: datetime | None) -> str:
    return value.astimezone(zone()).strftime("%H:%M %Z") if value else "–"


@register.filter
def utc_minute(value: datetime) -> str:
    return value.astimezone(ZoneInfo("UTC")).strftime("%H:%M UTC")


@register.filter
def moment(value: datetime | None) -> str:
    """The time today, else the date with it: `02:04`, `23 Nov 15:58`, `3 Nov 2025 11:20`."""
    if value is None:
        return "–"
    local, today = value.astimezone(zone()), timezone.now().astimezone(zone())
    if local.date() == today.date():
        return local.strftime("%H:%M")
    return f"{local.day} {local.strftime('%b %H:%M' if local.year == today.year else '%b %Y %H:%M')}"


@register.filter
def day(value: datetime) -> str:
    """`Tuesday 24 November 2026`."""
    local = value.astimezone(zone())
    return f"{local.strftime('%A')} {local.day} {local.strftime('%B %Y')}"


@register.filter
def date_of(value: datetime | None) -> str:
    """`14 Jan 2028`: of what ends in weeks or years."""
    if value is None:
        return "unknown"
    local = value.astimezone(zone())
    return f"{local.day} {local.strftime('%b %Y')}"


@register.filter
def clock_of(iso: str) -> str:
    """`02:19:31`, of a time that was kept as text."""
    return clock(datetime.fromisoformat(iso))


@register.filter
def since(value: datetime | None) -> SafeString | str:
    """How long it has lasted, counted on by the page's clock."""
    return _ticking(value, "since", "{}")


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """`3 s ago`, counted on by the page's clock."""
    return _ticking(value, "ago", "{} ago")


def _ticking(value: datetime | None, kind: str, words: str) -> SafeString | str:
    if value is None:
        return "never"
    told = words.format(duration(timezone.now() - value))
    return format_html('<time datetime="{}" data-tick="{}">{}</time>', value.isoformat(timespec="milliseconds"), kind, told)


@register.filter
def listed(value: Any) -> Any:
    """Lists and pairs as people write them: `a, b`, and `Name x, Value y`."""
    if isinstance(value, list):
        return "; ".join(str(listed(each)) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {listed(each)}" for name, each in value.items())
    return ("yes" if value else "no") if isinstance(value, bool) else value


@register.filter
def thin(value: int | None) -> str:
    """Thousands by a thin gap: `1 205`."""
    return "–" if value is None else f"{value:,}".replace(",", THIN)


@register.filter
def size(value: float | None) -> str:
    """`9.8 GB`, in powers of ten as AWS counts."""
    if value is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


@register.filter
def short(commit: str) -> str:
    return commit[:7]


@register.filter
def percent(value: float) -> str:
    """For attributes of SVG: `34.2%`."""
    return f"{max(value, 0):.2f}%"


@register.filter
def px(value: float) -> str:
    return f"{value:.1f}"


@register.filter
def from_bottom(height: float) -> str:
    """Where a bar of this height begins in a strip of 16 pixels."""
    return f"{16 - height:.1f}"


@register.filter
def command(argv: Sequence[str]) -> str:
    """What to type into a shell to get exactly this argv."""
    return shlex.join(argv)


@register.filter
def coloured(text: str) -> SafeString:
    """A line of output: its colours as classes, its text escaped, every other escape sequence dropped."""
    return format_html_join("", "{}", ((_piece(piece),) for piece in ansi.pieces(text)))


def _piece(piece: ansi.Piece) -> SafeString | str:
    return format_html('<span class="{}">{}</span>', piece.classes, piece.text) if piece.classes else piece.text


# The pages say few states again and again. `typed`: a text that has been called safe is not the same as one that has not.
_remembered = lru_cache(maxsize=1024, typed=True)


@register.simple_tag
@_remembered
def glyph(state: str, extra: str = "") -> SafeString:
    return format_html('<svg class="g g-{0} {1}" aria-hidden="true"><use href="#g-{0}" /></svg>', state or "unknown", extra)


@register.simple_tag
@_remembered
def icon(name: str) -> SafeString:
    return format_html('<svg class="i" aria-hidden="true"><use href="#i-{}" /></svg>', name)


@register.simple_tag
@_remembered
def status(state: str, word: str) -> SafeString:
    """A state: its glyph and its word."""
    return format_html(
        '<span class="st st-{0}"><svg class="g g-{0}{2}" aria-hidden="true"><use href="#g-{0}" /></svg>{1}</span>',
        state,
        word,
        " live" if state == "info" else "",
    )


@register.simple_tag
def lights(eb: tuple[str, ...], tg: tuple[str, ...]) -> SafeString:
    """What Beanstalk says, and what the target group says: each begins with state and word."""
    return format_html(
        '<span class="lights">{}{}</span>', _light("EB", "Beanstalk health", *eb[:2]), _light("TG", "Target group health", *tg[:2])
    )


@_remembered
def _light(short: str, title: str, state: str, word: str) -> SafeString:
    return format_html('<span class="light st-{2}" title="{1}"><small>{0}</small>{4}{3}</span>', short, title, state, word, glyph(state))


_BEANSTALK = {
    "Ok": "ok", "Info": "info", "Pending": "info", "Warning": "warn", "Degraded": "bad", "Severe": "bad",
    "Ready": "ok", "Updating": "info", "Aborting": "warn",
}  # fmt: skip
_TARGET = {"healthy": "ok", "initial": "info", "draining": "warn", "unhealthy": "bad", "unused": "warn", "detached": "bad"}
_RUN = {
    "queued": "wait", "running": "info", "waiting": "warn", "unknown": "unknown", "succeeded": "ok", "failed": "bad", "cancelled": "skip",
}  # fmt: skip
_STEP = {
    "planned": "wait", "intent": "info", "done": "ok", "failed": "bad", "unknown": "unknown", "skipped": "skip", "by_hand": "ok",
}  # fmt: skip
_SHOP = {"open": "ok", "closed": "bad", "broken": "bad", "silent": "unknown"}
_SEVERITY = {"INFO": "wait", "WARN": "warn", "ERROR": "bad", "FATAL": "bad", "DEBUG": "skip", "TRACE": "skip"}
_MAINTENANCE = {"on": "warn", "off": "ok"}


@register.filter
def beanstalk_light(word: str) -> str:
    """Beanstalk's health word as one of our states; what it does not know, we do not know."""
    return _BEANSTALK.get(word, "unknown")


@register.filter
def target_light(word: str) -> str:
    return _TARGET.get(word, "unknown")


@register.filter
def run_light(state: str) -> str:
    return _RUN.get(state, "unknown")


@register.filter
def step_light(state: str) -> str:
    return _STEP.get(state, "unknown")


@register.filter
def shop_light(state: str) -> str:
    return _SHOP.get(state, "unknown")


@register.filter
def severity_light(word: str) -> str:
    return _SEVERITY.get(word, "wait")


@register.filter
def maintenance_light(state: str) -> str:
    return _MAINTENANCE.get(state, "unknown")


@register.filter
def zero_light(seconds: float) -> str:
    """Of time that should not have been."""
    return "bad" if seconds > 0 else "ok"


@register.filter
def schema_light(state: str) -> str:
    """Of what a host says of the database: whether it fits its code."""
    return {"fits": "ok", "differs": "bad"}.get(state, "unknown")


@register.filter
def plural(count: int, words: str) -> str:
    """`{{ 3|plural:"host,hosts" }}` is `3 hosts`."""
    one, many = words.split(",")
    return f"{thin(count)} {one if count == 1 else many}"


@register.filter
@lru_cache(maxsize=10_000)
def run_path(number: int) -> str:
    """A list has a hundred of these; {% url %} looks each up anew."""
    return reverse("runs:detail", args=(number,))


@register.filter
def lower_first(sentence: str) -> str:
    """A title in the middle of a line: `Release Magento` is `release Magento`."""
    return sentence[:1].lower() + sentence[1:]


@register.filter
def release(label: str) -> str:
    """`r418-a91c3e7` is r418 where there is no room for all of it, and `pim-r13-1f09c7a` is pim-r13."""
    return label.rpartition("-")[0] or label


@register.filter
def when(iso: str) -> str:
    """A commit's time, from the plan's JSON."""
    return moment(datetime.fromisoformat(iso))


@register.filter
def last_start(spans: Sequence[Any]) -> datetime | None:
    """When the phase of now began."""
    return spans[-1].start if spans else None


@register.filter
def last_number(lines: Sequence[Any]) -> int:
    return int(lines[-1].number)
