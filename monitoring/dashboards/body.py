"""Reads the JSON of a CloudWatch dashboard. Whatever stands in it, a dashboard comes out: what is not drawn is said, the rest is drawn.

Grammar: "Dashboard body structure and syntax" of the CloudWatch API reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitoring.dashboards.definition import Axis, Dashboard, Line, Mark, Widget

MOST_WIDGETS = 500  # CloudWatch's own limits
MOST_METRICS = 500
MOST_LINES = 2500
LONGEST = 1_000_000  # characters of the JSON
VIEWS = ("timeSeries", "singleValue", "gauge", "bar", "table")
_ID = re.compile(r"[a-z][a-zA-Z0-9_]{0,254}\Z")
_WORD = re.compile(r"[a-z][a-zA-Z0-9_]*")
_QUOTED = re.compile(r"('[^']*'|\"[^\"]*\")")
_METRICS = re.compile(r"\bMETRICS\(\s*(?:'([^']*)'|\"([^\"]*)\")?\s*\)")
_STATISTIC = re.compile(
    r"(?:Average|Sum|Minimum|Maximum|SampleCount|IQM|p\d{1,2}(?:\.\d+)?|p100|(?:tm|wm|tc|ts|pr)[\d.()%:A-Z]{1,20})\Z", re.I
)


class _Skip(Exception):
    """One thing of a widget is left out; the text says which and why."""


def read(name: str, text: str) -> Dashboard:
    """Never raises."""
    if len(text) > LONGEST:
        return Dashboard(name, (), (f"It has {len(text)} characters; at most {LONGEST} are read.",))
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Dashboard(name, (), (f"CloudWatch's JSON of it cannot be read: {error}. Open it in CloudWatch and save it again.",))
    widgets = body.get("widgets") if isinstance(body, dict) else None
    if not isinstance(widgets, list):
        return Dashboard(name, (), ("It has no list of widgets. Open it in CloudWatch and add one.",))
    said: list[str] = []
    if len(widgets) > MOST_WIDGETS:
        said.append(f"It has {len(widgets)} widgets; the first {MOST_WIDGETS}, as many as CloudWatch allows, are drawn.")
    if body.get("variables"):
        said.append("It has variables: they are not offered here, each widget is drawn as it is written.")
    found, left = [], MOST_LINES
    for number, raw in enumerate(widgets[:MOST_WIDGETS]):
        widget = _widget(number, raw)
        if len(widget.lines) > left:
            widget = Widget(widget.key, "other", widget.title, said=(f"Not drawn: a dashboard has at most {MOST_LINES} metrics.",))
        left -= len(widget.lines)
        found.append(widget)
    found.sort(key=lambda widget: (widget.y, widget.x))
    return Dashboard(name, tuple(found), tuple(said))


def _widget(number: int, raw: Any) -> Widget:
    key = f"w{number}"
    if not isinstance(raw, dict):
        return Widget(key, "other", f"Widget {number + 1}", y=number, said=("Not drawn: it is no widget but something else.",))
    properties, kind = _object(raw.get("properties")), raw.get("type")
    placed = Widget(
        key,
        "other",
        _text(properties.get("title"), 200) or f"Widget {number + 1}",
        x=_whole(raw.get("x"), 23),
        y=_whole(raw.get("y"), 100_000),
        width=_whole(raw.get("width"), 24, 6),
        height=_whole(raw.get("height"), 1000, 6),
    )
    if kind == "text":
        return replace(placed, kind="text", title="", markdown=_text(properties.get("markdown"), 20_000))
    if kind == "alarm":
        names = tuple(dict.fromkeys(filter(None, map(_alarm_name, _list(properties.get("alarms"))[:100]))))
        return replace(placed, kind="alarm", alarms=names, said=() if names else ("It names no alarm.",))
    if kind != "metric":
        return replace(placed, said=(f"Not drawn: a widget of the kind “{_text(kind, 40) or 'none'}”.",))
    return _metric(placed, properties)


def _metric(placed: Widget, properties: Mapping[str, Any]) -> Widget:
    said: list[str] = []
    view = properties.get("view", "timeSeries")
    if view not in VIEWS:
        said.append(f"Drawn as lines: the view “{_text(view, 40)}” is not drawn here.")
        view = "timeSeries"
    period, statistic = _period(properties.get("period"), 300), _statistic(properties.get("stat"), "Average")
    annotations, axes = _object(properties.get("annotations")), _object(properties.get("yAxis"))
    lines = _lines(placed.key, _list(properties.get("metrics")), period, statistic, said)
    alarms = tuple(filter(None, map(_alarm_name, _list(annotations.get("alarms"))[:1])))
    if not lines:
        said.append("It shows an alarm: see its lane below." if alarms else "It has no metric that can be drawn.")
    left, right = _axis(axes.get("left"), said), _axis(axes.get("right"), said)
    if view == "gauge" and (left.low is None or left.high is None):
        said.append("A gauge needs yAxis.left.min and max: shown as a number.")
        view = "singleValue"
    return replace(
        placed,
        kind="metric",
        view=view,
        stacked=properties.get("stacked") is True,
        period=period,
        statistic=statistic,
        lines=lines,
        left=left,
        right=right,
        marks=_marks(annotations, said),
        alarms=alarms,
        said=tuple(said),
    )


# -- Metrics: [Namespace, Name, Dimension, Value, …, {options}], with "." for what stood above and "..." for all of it


def _lines(widget: str, raws: Sequence[Any], period: int, statistic: str, said: list[str]) -> tuple[Line, ...]:
    if len(raws) > MOST_METRICS:
        said.append(f"It has {len(raws)} metrics; the first {MOST_METRICS} are drawn.")
    above: list[str] = []
    made: list[tuple[str, Line]] = []
    for number, raw in enumerate(raws[:MOST_METRICS]):
        try:
            given, line, above = _line(f"{widget}_{number}", raw, above, period, statistic)
        except _Skip as skip:
            said.append(f"Metric {number + 1} is left out: {skip}.")
            continue
        made.append((given, line))
    keys = {given: line.key for given, line in made if given}
    metrics = [(given, line.key) for given, line in made if not line.is_expression]
    return tuple(_with_keys(line, keys, metrics) for _, line in made)


def _line(key: str, raw: Any, above: list[str], period: int, statistic: str) -> tuple[str, Line, list[str]]:
    """The id given in the JSON, the line, and the words that "." repeats."""
    if not isinstance(raw, list) or not raw:
        raise _Skip("it is no list")
    options = raw[-1] if isinstance(raw[-1], dict) else {}
    words = raw[:-1] if isinstance(raw[-1], dict) else raw
    given = options.get("id")
    given = given if isinstance(given, str) and _ID.match(given) else ""
    if options.get("accountId"):
        raise _Skip("it is of another account")
    shown = Line(
        key,
        _text(options.get("label"), 200),
        period=_period(options.get("period"), period),
        visible=options.get("visible") is not False,
        right=options.get("yAxis") == "right",
        colour=_text(options.get("color"), 20),
        named=bool(options.get("label")),
    )
    if "expression" in options:
        expression = _text(options["expression"], 2048)
        if not expression:
            raise _Skip("its expression is empty")
        return given, replace(shown, label=shown.label or expression, expression=expression), above
    words = _spelled_out(words, above)
    if len(words) < 2 or len(words) % 2:
        raise _Skip("a metric is a namespace, a name, and pairs of dimension and value")
    line = replace(
        shown,
        label=shown.label or " ".join([words[1], *words[3:4]]),
        namespace=words[0],
        metric=words[1],
        dimensions=dict(zip(words[2::2], words[3::2], strict=True)),
        statistic=_statistic(options.get("stat"), statistic),
    )
    return given, line, words


def _spelled_out(words: Sequence[Any], above: list[str]) -> list[str]:
    if not all(isinstance(word, str) and word and len(word) <= 1024 for word in words):
        raise _Skip("a word of it is no text")
    if "..." in words:
        rest = list(words[words.index("...") + 1 :])
        found = [*words[: words.index("...")], *above[words.index("...") : len(above) - len(rest)], *rest]
    else:
        found = list(words)
    if any(word == "." and place >= len(above) for place, word in enumerate(found)):
        raise _Skip("it repeats what is not above it")
    return [above[place] if word == "." else word for place, word in enumerate(found)]


def _with_keys(line: Line, keys: Mapping[str, str], metrics: Sequence[tuple[str, str]]) -> Line:
    """Ids are a widget's own; all widgets are asked for in one request, so each id is written as the request knows it."""
    if not line.is_expression:
        return line

    def metrics_of(match: re.Match[str]) -> str:
        part = match[1] or match[2] or ""
        return "[" + ", ".join(key for given, key in metrics if part in given) + "]"

    pieces = _QUOTED.split(_METRICS.sub(metrics_of, line.expression))
    written = [piece if at % 2 else _WORD.sub(lambda word: keys.get(word[0], word[0]), piece) for at, piece in enumerate(pieces)]
    return replace(line, expression="".join(written))


# -- The small things


def _marks(annotations: Mapping[str, Any], said: list[str]) -> tuple[Mark, ...]:
    found: list[Mark] = []
    for raw in [*_list(annotations.get("horizontal")), *_list(annotations.get("vertical"))][:100]:
        first, second = (raw[0], raw[1]) if isinstance(raw, list) and len(raw) == 2 else (raw, None)
        mark = _mark(first, second)
        if mark is None:
            said.append("An annotation has neither a number nor a time: left out.")
        elif not (isinstance(first, dict) and first.get("visible") is False):
            found.append(mark)
    return tuple(found)


def _mark(first: Any, second: Any) -> Mark | None:
    if not isinstance(first, dict):
        return None
    label, value = _text(first.get("label"), 100), first.get("value")
    other = second.get("value") if isinstance(second, dict) else None
    fill, right = _text(first.get("fill"), 10) or "none", first.get("yAxis") == "right"
    if (number := _number(value)) is not None:
        return Mark(label, number, _number(other), fill=fill, right=right)
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value):
        return Mark(label, time=value[:40], time_until=_text(other, 40), fill=fill)
    return None


def _axis(raw: Any, said: list[str]) -> Axis:
    if not isinstance(raw, dict):
        return Axis()
    low, high = _number(raw.get("min")), _number(raw.get("max"))
    if low is not None and high is not None and low >= high:
        said.append("The axis ends below where it begins: its ends are taken from the figures.")
        low = high = None
    return Axis(low, high, _text(raw.get("label"), 60))


def _alarm_name(arn: Any) -> str:
    """`arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME`; names may have colons."""
    parts = arn.split(":", 6) if isinstance(arn, str) else []
    return parts[6][:255] if len(parts) == 7 and parts[5] == "alarm" else ""


def _period(raw: Any, usual: int) -> int:
    """10, 20, 30 or whole minutes, up to a week."""
    number = _number(raw)
    if number is None or not (number in (1, 5, 10, 20, 30) or (60 <= number <= 604_800 and number % 60 == 0)):
        return usual
    return int(number)


def _statistic(raw: Any, usual: str) -> str:
    return raw if isinstance(raw, str) and _STATISTIC.match(raw) else usual


def _number(raw: Any) -> float | None:
    return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) < 1e18 else None


def _whole(raw: Any, most: int, usual: int = 0) -> int:
    number = _number(raw)
    return usual if number is None or number < 0 else min(int(number), most)


def _text(raw: Any, most: int) -> str:
    return raw[:most] if isinstance(raw, str) else ""


def _object(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _list(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else []
