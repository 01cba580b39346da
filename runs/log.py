"""The log of a run: written by many at once, numbered without gaps, stored before it is shown.

Writing is here; `runs.reading` reads it. Nothing is ever concluded from what the lines say.

A line that came from a file on a host is stored in one transaction with the byte of that file behind it, so that whoever goes on after a
crash neither loses nor doubles one. A line that exists nowhere else goes to a spool when the database is away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, groupby

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

from live.publish import publish
from runs import doorbell, spool
from runs.leases import Fenced
from runs.lines import LineSplitter, shown
from runs.models import Effect, LogChunk, LogHead
from runs.redact import PrivateKeys, Redactor

logger = logging.getLogger(__name__)

COLLECT_SECONDS = 0.015
CHUNK = 64_000  # characters in a row of the table
AT_ONCE = 4 * CHUNK  # in one transaction and one frame
MOST_WAITING = 8_000_000  # characters; then a writer waits
LARGEST = 200_000_000  # of a whole run
FULL = "… [the log of this run is full (200 MB): what follows is not kept]"

_NUMBERS = "UPDATE log_head SET next_seq = next_seq + %s, bytes = bytes + %s WHERE run_id = %s"
_IF_OURS = " AND EXISTS (SELECT 1 FROM run WHERE number = %s AND epoch = %s)"
_WHICH = " RETURNING next_seq, bytes"


class Writer:
    """What one host says in one effect."""

    def __init__(self, log: Log, host: str, effect: int | None) -> None:
        self.host = host
        self.effect = effect
        self.seen: int | None = None  # the byte of the host's file behind the last that came here
        self.stored: int | None = None  # and behind the last that is stored
        self.resume: int | None = None  # and behind the last that may be stored: no private key stands across it
        self.redactor = Redactor()
        self._splitter = LineSplitter()
        self._keys = PrivateKeys()
        self._held: list[str] = []  # with a private key that has no end yet: of one stored in part, the next tick would know nothing
        self._log = log

    def write(self, data: bytes, *, offset: int | None = None) -> None:
        """Raises Fenced when the run is no longer ours, DatabaseError when lines cannot be stored."""
        lines = self._splitter.feed(data)
        self.seen = offset if offset is not None else self.seen
        self._keys.look_at(lines)
        lines = [*self._held, *lines] if self._held else lines
        self._held = lines if self._keys.is_open else []
        if not self._keys.is_open:
            self.resume = None if offset is None else offset - self._splitter.kept
            self._log.add(Entry(self, lines, self.resume))

    def line(self, text: str) -> None:
        self._log.add(Entry(self, [shown(line.encode()) for line in text.split("\n")], None))

    def end(self) -> None:
        """The last line may have no newline. A private key may have no end: whoever reads on after all begins before it."""
        lines = self._splitter.close()
        self._keys.look_at(lines)
        self._log.add(Entry(self, [*self._held, *lines], self.resume if self._keys.is_open else self.seen))
        self._held = []


@dataclass(slots=True)
class Entry:
    """Lines that wait for their numbers. `behind`: up to this byte the host's file is stored with them."""

    writer: Writer
    lines: list[str]
    behind: int | None
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.lines)) + len(self.lines)


class Log:
    """All writers of one run in this process; one thread stores what they bring, in turns of 15 ms."""

    def __init__(self, run: int, *, epoch: int | None = None) -> None:
        self.run = run
        self.epoch = epoch
        self._writers: dict[tuple[str, int | None], Writer] = {}
        self._waiting: deque[Entry] = deque()
        self._in_hand: Sequence[LogChunk] = ()  # being stored now; without what a host's file has
        self._size = 0
        self._storing = False
        self._closing = False
        self._full: bool | None = None  # not known before the first line: an earlier tick may have filled it
        self._error: Exception | None = None
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._store_in_turns, name=f"log-{run}", daemon=True)

    def __enter__(self) -> Log:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._change:
            self._closing = True
            for writer in self._writers.values():
                if writer.effect is None and self._error is None:
                    writer.end()  # the others' unfinished line is read again by the next tick
            self._change.notify_all()
        self._thread.join()

    # -- for those who write

    def out(self, host: str, *, effect: int | None = None) -> Writer:
        with self._change:
            key = (host, effect)
            if key not in self._writers:
                self._writers[key] = Writer(self, host, effect)
            return self._writers[key]

    def offset(self, host: str, effect: int, stored: int) -> int:
        """Up to which byte the host's file has come here; `stored` is what the database says."""
        writer = self.out(host, effect=effect)
        if writer.seen is None:
            writer.seen = writer.stored = writer.resume = stored
        return writer.seen

    def add(self, entry: Entry) -> None:
        if not entry.lines:
            return
        with self._change:
            while self._size > MOST_WAITING and self._error is None:
                self._change.wait(1.0)
            if self._error is not None:
                raise self._error
            self._waiting.append(entry)
            self._size += entry.size
            self._change.notify_all()

    def flush(self, *, effect: int | None = None) -> None:
        """Returns when all that was written is stored; `effect` has ended, and with it its last line."""
        for writer in list(self._writers.values()):
            if effect is not None and writer.effect == effect:
                writer.end()
        with self._change:
            while (self._waiting or self._storing) and self._error is None:
                self._change.wait(1.0)
            if self._error is not None:
                raise self._error

    def keep(self) -> None:
        """Spools what is not known to be stored: this process is about to end. What the database takes at this moment is found there."""
        self._fail(InterfaceError("this process ends before its log is stored"))

    # -- the thread

    def _store_in_turns(self) -> None:
        last = 0.0
        try:
            while entries := self._next(last):
                last = time.monotonic()
                self._store(entries)
                with self._change:
                    self._storing = False
                    self._change.notify_all()
        except Exception as error:  # noqa: BLE001  (whoever waits for this thread gets it; else they would wait for ever)
            self._fail(error)
        finally:
            connection.close()

    def _own_of_waiting(self) -> list[LogChunk]:
        return [chunk for chunk, _ in _chunks(self.run, [entry for entry in self._waiting if entry.behind is None])]

    def _fail(self, error: Exception) -> None:
        """Nothing is taken from here on. What was taken and not stored is spooled in its order, but for what a host's file has."""
        with self._change:
            self._error = error
            if not isinstance(error, Fenced):
                self._keep([*self._in_hand, *self._own_of_waiting()])
            self._waiting.clear()
            self._in_hand, self._size = (), 0
            self._storing = False
            self._change.notify_all()

    def _next(self, last: float) -> list[Entry]:
        """The first line goes at once; what comes right behind it is collected."""
        with self._change:
            while not self._waiting:
                if self._closing or self._error is not None:
                    return []
                self._change.wait()
            while not self._closing and self._size < AT_ONCE and (left := last + COLLECT_SECONDS - time.monotonic()) > 0:
                self._change.wait(left)
            entries: list[Entry] = []
            taken = 0
            while self._waiting and taken < AT_ONCE:
                entries.append(self._waiting.popleft())
                taken += entries[-1].size
            self._size -= taken
            self._storing = True
            self._change.notify_all()
            return entries

    def _store(self, entries: Sequence[Entry]) -> None:
        chunks = _chunks(self.run, entries)
        behind = {entry.writer: entry.behind for entry in entries if entry.behind is not None}
        self._in_hand = [chunk for chunk, from_file in chunks if not from_file]
        try:
            first = self._number(chunks, behind)
        except (Fenced, DatabaseError, InterfaceError) as error:
            connection.close()
            self._fail(error)
            return
        self._in_hand = ()
        for writer, offset in behind.items():
            writer.stored = offset
        if first is not None:
            publish(doorbell.channel(self.run), frame([chunk for chunk, _ in chunks]))

    def _keep(self, chunks: Sequence[LogChunk]) -> None:
        try:
            spool.keep(self.run, chunks)
        except OSError as error:
            lost = sum(chunk.text.count("\n") + 1 for chunk in chunks)
            logger.error("neither the database nor the disk took %s lines of run %s: %s", lost, self.run, error)

    def _number(self, chunks: Sequence[tuple[LogChunk, bool]], behind: dict[Writer, int]) -> int | None:
        """One short transaction: whoever sees a number sees all numbers below it."""
        lines = sum(chunk.seq_last for chunk, _ in chunks)
        with transaction.atomic():
            for writer, offset in behind.items():
                mine = Effect.objects.filter(pk=writer.effect or 0, offset=writer.stored or 0)
                if not mine.update(offset=offset):
                    raise Fenced
            if self._full is None:
                self._full = LogHead.objects.filter(run_id=self.run, bytes__gt=LARGEST).exists()
            if self._full:
                return None
            taken = self._take_numbers(lines, sum(len(chunk.text) for chunk, _ in chunks))
            rows = [chunk for chunk, _ in chunks]
            number(rows, taken[0] - lines)
            if taken[1] > LARGEST:
                self._full = True
                rows.append(self._last_line())
            LogChunk.objects.bulk_create(rows)
        return rows[0].seq_first

    def _take_numbers(self, lines: int, size: int) -> tuple[int, int]:
        ours = [] if self.epoch is None else [self.run, self.epoch]
        with connection.cursor() as cursor:
            cursor.execute(_NUMBERS + (_IF_OURS if ours else "") + _WHICH, [lines, size, self.run, *ours])
            row = cursor.fetchone()
        if row is None:
            raise Fenced
        return row[0], row[1]

    def _last_line(self) -> LogChunk:
        after, _ = self._take_numbers(1, 0)
        return LogChunk(run_id=self.run, host="console", time=timezone.now(), text=FULL, seq_first=after - 1, seq_last=after - 1)


def number(chunks: Sequence[LogChunk], first: int) -> None:
    """Gives them their numbers, from `first` on; until then `seq_last` is how many lines one has."""
    for chunk in chunks:
        chunk.seq_first, chunk.seq_last = first, first + chunk.seq_last - 1
        first = chunk.seq_last + 1


def frame(chunks: Sequence[LogChunk]) -> dict[str, object]:
    """What the browsers get: consecutive lines, each chunk with the number of its first."""
    return {
        "kind": "lines",
        "first": chunks[0].seq_first,
        "last": chunks[-1].seq_last,
        "chunks": [
            {"host": chunk.host, "time": chunk.time.isoformat(timespec="milliseconds"), "text": chunk.text, "first": chunk.seq_first}
            for chunk in chunks
        ],
    }


def _chunks(run: int, entries: Sequence[Entry]) -> list[tuple[LogChunk, bool]]:
    """A chunk or more for each writer, redacted, in the order in which they came; each with whether a host's file has it, too."""
    by_writer: dict[Writer, list[Entry]] = {}
    for entry in entries:
        by_writer.setdefault(entry.writer, []).append(entry)
    now = timezone.now()
    return [
        (chunk, from_file)
        for writer, own in by_writer.items()
        for from_file, together in groupby(own, lambda entry: entry.behind is not None)
        for chunk in _cut(run, writer.host, now, writer.redactor.clean("\n".join(chain.from_iterable(entry.lines for entry in together))))
    ]


def _cut(run: int, host: str, now: datetime, text: str) -> Iterator[LogChunk]:
    """Into rows of bearable size, between lines."""
    lines = text.split("\n")
    while lines:
        size = count = 0
        for line in lines:
            if count and size + len(line) > CHUNK:
                break
            size, count = size + len(line) + 1, count + 1
        yield LogChunk(run_id=run, host=host, time=now, text="\n".join(lines[:count]), seq_last=count)
        lines = lines[count:]
