"""What the pages about alarms show, as values. Reads the console's tables and nothing else: the poller has asked for all viewers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from estate.definition import DeclaredAlarm
from estate.reading import current
from estate.together import together
from monitoring.alarms import declared, history
from monitoring.alarms.declared import Line
from monitoring.alarms.models import Alarm, Mute, Reading, Refusal, Subscription, Tunnel

OK, EXPECTED, SOON, BAD, UNKNOWN, SEEN = "ok", "info", "warn", "bad", "unknown", "wait"
VERDICTS = {"agrees": ("ok", "agreed"), "differs": ("warn", "differed"), "missing": ("bad", "was missing")}  # of now, and of then
STRIP = timedelta(days=90)
STRIP_ROWS = 4000  # transitions that the strips of all alarms are drawn from
LATE = 2.5  # polls that may be missed before what is shown is called old


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a strip, in percent of its width."""

    x: float
    width: float
    light: str


@dataclass(frozen=True, slots=True)
class Row:
    """One alarm: what it should be, what it is, and what is to be said of it now."""

    name: str
    declared: DeclaredAlarm | None
    live: Alarm | None
    lines: tuple[Line, ...]
    problem: str  # why the two cannot be compared
    light: str
    word: str
    bad_for: int  # minutes, without a break
    needed: int  # minutes after which it alarms
    mute: Mute | None
    tunnels: tuple[Tunnel, ...]
    was_read: bool  # CloudWatch has said which alarms it has
    unread: frozenset[str]  # parts of the reading that say nothing of now
    strip: tuple[Span, ...] = ()
    fired: int | None = None  # None: its history was never read
    in_releases: int = 0

    @property
    def differing(self) -> list[Line]:
        return [line for line in self.lines if line.differs]

    @property
    def is_off(self) -> bool:
        """It is not what is declared, or was not when CloudWatch was read last."""
        if self.declared is None or self.problem:
            return False
        return bool(self.differing) if self.live else self.was_read

    @property
    def is_old(self) -> bool:
        """CloudWatch was read, and not lately."""
        return self.was_read and "answered" in self.unread

    @property
    def verdict(self) -> tuple[str, str]:
        """Of now; where CloudWatch was not read lately, of then."""
        if self.declared is None:
            return "wait", "not declared"
        if self.live is None and not self.was_read:
            return "unknown", "not read yet"
        if self.problem:
            return "unknown", "cannot compare"
        word = "agrees" if not self.is_off else "differs" if self.live else "missing"
        light, then = VERDICTS[word]
        return ("unknown", then) if self.is_old else (light, word)

    @property
    def about(self) -> str:
        """`CPUUtilization · Average · 1 min`."""
        each = self.live.definition if self.live else {}
        period = int(each.get("Period", 60))
        parts = each.get("MetricName"), each.get("Statistic"), f"{period // 60} min" if period % 60 == 0 else f"{period} s"
        return " · ".join(part for part in parts if part)

    @property
    def unit(self) -> str:
        return self.declared.unit if self.declared else ""

    @property
    def condition(self) -> tuple[str, str]:
        """Live: `> 70 %`, and `3 of 3 in 3 min`."""
        return declared.condition(self.live.definition, self.unit) if self.live else ("–", "")

    @property
    def wanted(self) -> tuple[str, str]:
        """Declared, in the same words."""
        if self.declared is None:
            return "–", ""
        each = self.declared
        asked = {"ComparisonOperator": each.comparison, "Threshold": each.threshold, "EvaluationPeriods": each.periods}
        return declared.condition(asked | {"DatapointsToAlarm": each.datapoints, "Period": each.period}, each.unit)

    @property
    def left(self) -> int:
        return max(self.needed - self.bad_for, 0)

    @property
    def is_known(self) -> bool:
        """Something can be said of its past."""
        return self.fired is not None

    @property
    def is_soon(self) -> bool:
        return self.word == "soon"

    @property
    def tunnels_down(self) -> list[Tunnel]:
        return [tunnel for tunnel in self.tunnels if not tunnel.up]


@dataclass(frozen=True, slots=True)
class Board:
    at: datetime
    rows: tuple[Row, ...]
    reading: Reading | None
    unread: frozenset[str]
    subscriptions: tuple[Subscription, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    mutes: tuple[Mute, ...] = ()
    endpoint: str = ""
    strip_begins: datetime | None = None
    topics: tuple[str, ...] = field(default=())

    @property
    def is_old(self) -> bool:
        """CloudWatch was read, and not lately."""
        return self.reading is not None and self.reading.answered is not None and "answered" in self.unread

    @property
    def not_known(self) -> list[str]:
        return [said for part, said in Reading.PARTS.items() if part in self.unread]

    @property
    def strip_days(self) -> int:
        return round((self.at - self.strip_begins) / timedelta(days=1)) if self.strip_begins else 0

    @property
    def alarming(self) -> list[Row]:
        return [row for row in self.rows if row.light == BAD]

    @property
    def differing(self) -> list[Row]:
        return [row for row in self.rows if row.is_off]

    @property
    def unsubscribed(self) -> list[str]:
        """Topics whose messages do not come here: transitions are seen with the next poll only."""
        if self.reading is None or self.reading.subscriptions is None:
            return []
        here = {each.topic for each in self.subscriptions if each.endpoint == self.endpoint and each.confirmed}
        return [topic for topic in self.topics if topic not in here]


def board(now: datetime | None = None, *, strips: bool = True) -> Board:
    """Three queries, however many alarms there are."""
    from monitoring.alarms.actions import endpoint  # noqa: PLC0415 -- actions need urls, which need views, which need this

    now, estate = now or timezone.now(), current()
    readings, tunnels, mutes, subscriptions, refusals = together(
        Reading.objects.all(), Tunnel.objects.all(), Mute.objects.all(), Subscription.objects.all(), Refusal.objects.all()
    )
    reading = readings[0] if readings else None
    found = rows(now, reading, tunnels, mutes)
    if strips and reading is not None and reading.through is not None:
        found = _with_strips(found, now, reading)
    topics = tuple(sorted({topic for alarm in estate.alarms.values() for topic in alarm.topics}))
    order = {BAD: 0, SOON: 1, UNKNOWN: 2, EXPECTED: 3, SEEN: 4, OK: 5}
    return Board(
        at=now,
        rows=tuple(sorted(found, key=lambda row: order.get(row.light, 5))),
        reading=reading,
        unread=unread(reading, now),
        subscriptions=tuple(subscriptions),
        refusals=tuple(refusals),
        mutes=tuple(mutes),
        endpoint=endpoint(),
        strip_begins=_strip_begins(reading, now) if reading is not None and reading.through else None,
        topics=topics,
    )


def rows(now: datetime, reading: Reading | None, tunnels: Sequence[Tunnel], mutes: Sequence[Mute] = ()) -> list[Row]:
    """Every alarm that is declared or there, without its strip; none is there before CloudWatch was read for the first time. One query."""
    estate = current()
    late = unread(reading, now)
    if reading is None or reading.answered is None:
        return [_row(name, wanted, None, tunnels, mutes, now, late, was_read=False) for name, wanted in estate.alarms.items()]
    live = {alarm.name: alarm for alarm in Alarm.objects.select_related("acknowledged_by").filter(gone=None)}
    names = list(dict.fromkeys([*estate.alarms, *live]))
    return [_row(name, estate.alarms.get(name), live.get(name), tunnels, mutes, now, late) for name in names]


def unread(reading: Reading | None, now: datetime) -> frozenset[str]:
    """Which parts of the reading are missing or so old that they say nothing of now."""
    return frozenset(part for part in Reading.PARTS if is_late(getattr(reading, part, None), now))


def is_late(read: datetime | None, now: datetime) -> bool:
    return read is None or (now - read).total_seconds() > LATE * settings.ALARM_POLL_SECONDS


def row_of(name: str, now: datetime) -> Row | None:
    return next((row for row in board(now).rows if row.name == name), None)


def _row(
    name: str,
    wanted: DeclaredAlarm | None,
    live: Alarm | None,
    tunnels: Sequence[Tunnel],
    mutes: Sequence[Mute],
    now: datetime,
    unread: frozenset[str],
    *,
    was_read: bool = True,
) -> Row:
    problem = ""
    lines: tuple[Line, ...] = ()
    mine: tuple[Tunnel, ...] = ()
    if wanted is not None and wanted.link:
        mine = tuple(tunnel for tunnel in tunnels if tunnel.link == wanted.link)
    elif live is not None:
        ids = {each["Value"] for each in live.definition.get("Dimensions", [])}
        mine = tuple(tunnel for tunnel in tunnels if tunnel.connection in ids or tunnel.address in ids)
    if wanted is not None and live is not None:
        try:
            lines = tuple(declared.compare(declared.definition(wanted, {t.link: t.connection for t in tunnels}), live.definition))
        except LookupError as error:
            problem = "The IPSec connections were not read lately." if "tunnels" in unread else str(error.args[0])
    mute = next((each for each in mutes if name in each.alarms and each.active and (each.ends is None or each.ends > now)), None)
    bad_for = declared.bad_for(live.definition, live.points, now.timestamp()) if live and "figures" not in unread else 0
    needed = declared.minutes_to_alarm(live.definition) if live else 0
    light, word = _light(live, bad_for, needed, mine, unread, was_read=was_read)
    return Row(name, wanted, live, lines, problem, light, word, min(bad_for, 10**6), needed, mute, mine, was_read, unread)


def _light(
    live: Alarm | None, bad_for: int, needed: int, tunnels: Sequence[Tunnel], unread: frozenset[str], *, was_read: bool
) -> tuple[str, str]:
    if live is None:
        return UNKNOWN, "unknown" if not was_read else "was not there" if "answered" in unread else "not there"
    if "answered" in unread:
        return UNKNOWN, f"was {live.state}"
    if live.state == "ALARM":
        return (EXPECTED, "expected") if live.expected else (SEEN, "acknowledged") if live.is_acknowledged else (BAD, "ALARM")
    if live.state != "OK":
        return UNKNOWN, "no data"
    if bad_for > 0 and needed:
        return SOON, "soon"
    if "tunnels" not in unread and any(not tunnel.up for tunnel in tunnels):
        return SOON, "one down" if any(tunnel.up for tunnel in tunnels) else "down"
    return OK, "OK"


def _with_strips(rows: Sequence[Row], now: datetime, reading: Reading) -> list[Row]:
    begins = _strip_begins(reading, now)
    last = tuple(_last(row) for row in rows)
    drawn, holes = _drawn(last, begins, now), tuple(_holes(reading, begins, now))
    return [
        replace(row, strip=holes + spans, fired=fired, in_releases=expected)
        for row, (spans, fired, expected) in zip(rows, drawn, strict=True)
    ]


def _last(row: Row) -> history.Turn:
    """How the alarm became what it was seen to be; what it was before is the history's to tell."""
    if row.live is None:
        return history.Turn(row.name, datetime.min.replace(tzinfo=UTC), "", "", False)
    return history.Turn(row.name, row.live.since, "INSUFFICIENT_DATA", row.live.state, row.live.expected)


def _strip_begins(reading: Reading, now: datetime) -> datetime:
    """No strip reaches back beyond what is known; a day is the least."""
    return max(now - STRIP, min(reading.since or now, now - timedelta(days=1)))


def _holes(reading: Reading, begins: datetime, now: datetime) -> Iterator[Span]:
    """What nobody knows: in an outage, and since history was read last."""
    late = reading.through if is_late(reading.through, now) else None
    for since, until in ((reading.lost_from, reading.lost_to), (late, now)):
        if since and until and until > begins:
            yield _span(max(since, begins), until, begins, now, UNKNOWN)


def _span(since: datetime, until: datetime, begins: datetime, now: datetime, light: str) -> Span:
    """Never so narrow that it cannot be seen."""
    x = min(100 * (since - begins) / (now - begins), 99.4)
    end = max(100 * (until - begins) / (now - begins), x + 0.6)
    return Span(round(x, 2), round(end - x, 2), light)


def _drawn(last: tuple[history.Turn, ...], begins: datetime, now: datetime) -> _Drawn:
    """The strip of each, how often it fired, and in releases. Drawn anew when there is another transition, and once a minute.

    CloudWatch's history comes later than the state, or not at all: what an alarm was last seen to become stands in for it.
    """
    global _kept
    key = (last, history.newest(), int(now.timestamp()) // 60, (now - begins).days)
    found = _kept  # another thread may put its own there meanwhile
    if found is None or found[0] != key:
        by_name = history.since([each.alarm for each in last], begins, most=STRIP_ROWS)
        all_are_here = sum(map(len, by_name.values())) < STRIP_ROWS
        drawn = []
        for seen in last:
            mine = by_name.get(seen.alarm, [])
            if seen.at > (mine[-1].at if mine else begins) and (not mine or mine[-1].new != seen.new):
                mine = [*mine, seen]
            first = (mine[0].old if mine else seen.new) if all_are_here else "INSUFFICIENT_DATA"
            fired = [each for each in mine if each.new == "ALARM"]
            drawn.append((tuple(_spans(mine, first, begins, now)), len(fired), sum(each.expected for each in fired)))
        found = _kept = (key, drawn)
    return found[1]


_Drawn = list[tuple[tuple[Span, ...], int, int]]
_kept: tuple[object, _Drawn] | None = None


def _spans(turns: Sequence[history.Turn], first: str, begins: datetime, now: datetime) -> list[Span]:
    """What was not OK; the rest of the strip is. `turns` oldest first, and its state before the first of them.

    What would be drawn over one another is one span.
    """
    found = [(begins, first, False), *((each.at, each.new, each.expected) for each in turns)]
    spans: list[Span] = []
    for (since, new, expected), until in zip(found, [*(each.at for each in turns), now], strict=True):
        if new in ("OK", ""):
            continue
        span = _span(since, until, begins, now, UNKNOWN if new == "INSUFFICIENT_DATA" else EXPECTED if expected else BAD)
        last = spans[-1] if spans else None
        if last is not None and last.light == span.light and span.x <= last.x + last.width:
            spans[-1] = Span(last.x, round(span.x + span.width - last.x, 2), span.light)
        else:
            spans.append(span)
    return spans
