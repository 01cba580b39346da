"""The log: numbers without gaps, every line once, found again."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from runs import log, reading, redact, spool
from runs.leases import Fenced, claim
from runs.lines import CUT, LONGEST_LINE
from runs.log import Log
from runs.models import Effect, LogChunk, LogHead, Run
from tests.runs.conftest import Start
from tests.runs.world import Killed, World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(start: Start, world: World) -> Run:
    return start()


@pytest.fixture
def effect(run: Run) -> Effect:
    step = run.steps.get(key="update")
    return Effect.objects.create(run=run, step=step, act="update", key="update", kind="scripted", target="fe-1", epoch=0)


def texts(run: Run, **how: Any) -> list[str]:
    return [line.text for line in reading.read(run.number, limit=100_000, **how)]


def assert_no_gaps(run: Run) -> None:
    expected = 1
    for chunk in LogChunk.objects.filter(run=run).order_by("seq_first"):
        assert chunk.seq_first == expected
        assert chunk.seq_last == chunk.seq_first + chunk.text.count("\n")
        expected = chunk.seq_last + 1
    assert LogHead.objects.get(run=run).next_seq == expected


def test_lines_come_back_with_numbers_host_and_time(run: Run) -> None:
    with Log(run.number) as writing:
        writing.out("fe-1").write("eins\nzwei → drei\n".encode())
        writing.flush()
        writing.out("fe-2").line("four")
    lines = reading.read(run.number)
    assert [(line.seq, line.host, line.text) for line in lines] == [(1, "fe-1", "eins"), (2, "fe-1", "zwei → drei"), (3, "fe-2", "four")]
    assert all(line.time.tzinfo for line in lines)
    assert_no_gaps(run)


def test_reading_goes_on_behind_a_number(run: Run) -> None:
    with Log(run.number) as writing:
        writing.out("fe-1").write(b"".join(b"line %d\n" % number for number in range(1, 5001)))
    assert [line.seq for line in reading.read(run.number, after=4990)] == list(range(4991, 5001))
    assert [line.text for line in reading.read(run.number, after=100, limit=2)] == ["line 101", "line 102"]
    assert reading.read(run.number, after=5000) == []
    assert reading.last_number(run.number) == 5000
    assert len(list(reading.lines(run.number))) == 5000


def test_reading_one_host_and_searching(run: Run) -> None:
    with Log(run.number) as writing:
        for host in ("fe-1", "fe-2"):
            writing.out(host).write(b"Flushed cache types:\nfull_page\n[ERROR] Redis went away\n")
            writing.flush()
    assert [line.seq for line in reading.read(run.number, host="fe-2")] == [4, 5, 6]
    assert [line.seq for line in reading.read(run.number, contains="error")] == [3, 6]
    first = reading.first_error(run.number, host="fe-2")
    assert first is not None
    assert first.seq == 6
    assert reading.first_error(run.number, after=6) is None
    assert reading.hosts(run.number) == ["fe-1", "fe-2"]


def test_empty_lines_and_long_output_keep_their_count(run: Run) -> None:
    data = (b"\n" * 3 + b"x" * 9000 + b"\n") * 60
    with Log(run.number) as writing:
        writing.out("fe-1").write(data)
    assert len(texts(run)) == 240
    assert max(len(text) for text in LogChunk.objects.filter(run=run).values_list("text", flat=True)) <= log.CHUNK
    assert_no_gaps(run)


def _write(number: int, host: str, count: int) -> None:
    connection.close()
    with Log(number) as writing:
        for line in range(count):
            writing.out(host).write(f"{host} {line} ü\n".encode())


def test_eight_writers_in_threads_and_processes_leave_no_gap(run: Run) -> None:
    threads = [threading.Thread(target=_write, args=(run.number, f"thread-{each}", 400)) for each in range(4)]
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_write, args=(run.number, f"process-{each}", 400)) for each in range(4)]
    connection.close()
    for process in processes:
        process.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert_no_gaps(run)
    for host in reading.hosts(run.number):
        assert texts(run, host=host) == [f"{host} {line} ü" for line in range(400)]
    assert reading.last_number(run.number) == 3200


def test_no_secret_is_written(run: Run) -> None:
    redact.know("correct-horse-battery-staple")
    try:
        with Log(run.number) as writing:
            writing.out("fe-1").write(b"password=correct-horse-battery-staple\nAKIAIOSFODNN7EXAMPLE\n")
            writing.out("console").line("https://x:correct-horse-battery-staple@y")
    finally:
        redact.forget_all()
    stored = "".join(LogChunk.objects.values_list("text", flat=True))
    assert "horse" not in stored
    assert "AKIA" not in stored
    assert stored.count(redact.MARK) == 3


def test_lines_and_the_place_in_the_hosts_file_are_stored_together(run: Run, effect: Effect) -> None:
    data = b"erste\nzweite\nhalbe"
    with Log(run.number) as writing:
        assert writing.offset("fe-1", effect.pk, 0) == 0
        writing.out("fe-1", effect=effect.pk).write(data, offset=len(data))
        writing.flush()
        assert writing.offset("fe-1", effect.pk, 0) == len(data)  # in this process nothing is read twice
    effect.refresh_from_db()
    assert effect.offset == len("erste\nzweite\n")
    rest = data[effect.offset :] + b" und fertig"
    with Log(run.number) as writing:
        start = writing.offset("fe-1", effect.pk, effect.offset)
        writing.out("fe-1", effect=effect.pk).write(rest, offset=start + len(rest))
        writing.flush(effect=effect.pk)
    effect.refresh_from_db()
    assert texts(run) == ["erste", "zweite", "halbe und fertig"]
    assert effect.offset == len(data) + len(b" und fertig")


def ticks(run: Run, effect: Effect, data: bytes, *ends: int) -> None:
    """Each reads the host's file from where the log stands up to the next of these bytes, one by one. The command ends with the last."""
    for end in ends:
        effect.refresh_from_db()
        with Log(run.number) as writing:
            start = writing.offset("fe-1", effect.pk, effect.offset)
            for at in range(start, end):
                writing.out("fe-1", effect=effect.pk).write(data[at : at + 1], offset=at + 1)
            writing.flush(effect=effect.pk if end == ends[-1] else None)
    effect.refresh_from_db()


KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEfirst\nMIIEsecond\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize("cut", range(0, len(KEY) + 1, 3))
def test_a_private_key_that_a_tick_ends_in_is_not_stored(run: Run, effect: Effect, cut: int) -> None:
    data = b"before\n" + KEY + b"after\n"
    ticks(run, effect, data, len("before\n") + cut, len(data))
    assert texts(run) == ["before", *[redact.MARK] * 4, "after"]
    assert effect.offset == len(data)


def test_a_private_key_that_the_command_ended_in_is_not_stored_by_whoever_reads_on(run: Run, effect: Effect) -> None:
    data = b"before\n" + KEY + b"after\n"
    ticks(run, effect, data, data.index(b"second"))
    assert texts(run) == ["before", *[redact.MARK] * 3]
    ticks(run, effect, data, len(data))
    assert texts(run)[-6:] == [*[redact.MARK] * 5, "after"]


def test_what_only_begins_like_a_private_key_hides_few_lines(run: Run, effect: Effect) -> None:
    data = b"-----BEGIN RSA PRIVATE KEY-----\n" + b"a line\n" * redact.KEY_LINES + b"after\n"
    ticks(run, effect, data, 100, 2000, len(data) - 10, len(data))
    assert texts(run) == [*[redact.MARK] * redact.KEY_LINES, "a line", "after"]


def test_the_rest_of_an_over_long_line_is_no_line_of_the_next_tick(run: Run, effect: Effect) -> None:
    data = b"before\n" + b"x" * (LONGEST_LINE + 100) + b"\nafter\n"
    ticks(run, effect, data, 10, LONGEST_LINE + 50, LONGEST_LINE + 107, len(data))
    assert texts(run) == ["before", "x" * LONGEST_LINE + CUT, "after"]


def test_of_two_who_read_the_same_file_one_is_fenced(run: Run, effect: Effect) -> None:
    with Log(run.number) as old, Log(run.number) as new:
        for each in (old, new):
            each.offset("fe-1", effect.pk, 0)
        new.out("fe-1", effect=effect.pk).write(b"once\n", offset=5)
        new.flush()
        old.out("fe-1", effect=effect.pk).write(b"once\n", offset=5)
        with pytest.raises(Fenced):
            old.flush()
    assert texts(run) == ["once"]


def test_an_old_worker_writes_no_lines(run: Run) -> None:
    lease = claim(run.number)
    assert lease is not None
    with Log(run.number, epoch=lease.epoch) as writing:
        writing.out("console").line("mine")
        writing.flush()
        Run.objects.filter(pk=run.pk).update(epoch=lease.epoch + 1)
        writing.out("console").line("not mine any more")
        with pytest.raises(Fenced):
            writing.flush()
    assert texts(run) == ["mine"]


def test_a_full_log_says_so_and_takes_no_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGEST", 100)
    with Log(run.number) as writing:
        for _ in range(5):
            writing.out("fe-1").write(b"x" * 60 + b"\n")
            writing.flush()
    assert texts(run) == ["x" * 60, "x" * 60, log.FULL]
    assert_no_gaps(run)


def test_a_full_log_stays_full_in_the_next_tick(run: Run, effect: Effect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGEST", 100)
    line = b"x" * 60 + b"\n"
    for tick in range(4):
        with Log(run.number) as writing:
            writing.offset("fe-1", effect.pk, tick * len(line))
            writing.out("fe-1", effect=effect.pk).write(line, offset=(tick + 1) * len(line))
            writing.flush()
    assert texts(run) == ["x" * 60, "x" * 60, log.FULL]
    effect.refresh_from_db()
    assert effect.offset == 4 * len(line)  # what is not kept is not read again
    assert_no_gaps(run)


@pytest.fixture
def spooled(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def test_what_exists_nowhere_else_outlives_a_lost_database(
    run: Run, effect: Effect, spooled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> int:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch, Log(run.number) as writing:
        writing.offset("fe-1", effect.pk, 0)
        patch.setattr(Log, "_take_numbers", gone)
        writing.out("console").line("the deployment has begun")
        with pytest.raises(OperationalError):
            writing.flush()
        with pytest.raises(OperationalError):
            writing.out("fe-1", effect=effect.pk).write(b"from the host's file\n", offset=21)
    assert texts(run) == []
    assert spool.store_all() == 1
    assert texts(run) == ["the deployment has begun"]
    assert spool.store_all() == 0
    assert_no_gaps(run)


def hanging(monkeypatch: pytest.MonkeyPatch, *answers: Exception | None) -> tuple[threading.Event, threading.Event]:
    """The database gives nobody a number until the second event, each an answer of these then; the first event: somebody waits."""
    asked, go, left = threading.Event(), threading.Event(), list(answers)
    take_numbers = Log._take_numbers

    def take(writing: Log, lines: int, size: int) -> tuple[int, int]:
        asked.set()
        assert go.wait(20)
        answer = left.pop(0) if left else None
        if answer is not None:
            raise answer
        return take_numbers(writing, lines, size)

    monkeypatch.setattr(Log, "_take_numbers", take)
    return asked, go


@pytest.mark.parametrize(
    ("lost", "said", "files", "behind"),
    [
        (None, ["one", "two", "three"], 0, 21),
        (OperationalError("the server closed the connection"), ["one", "two", "three"], 1, 0),
        (Fenced(), [], 0, 0),
    ],
)
def test_what_is_said_while_the_database_hangs_is_stored_or_spooled(
    run: Run,
    effect: Effect,
    spooled: None,
    monkeypatch: pytest.MonkeyPatch,
    lost: Exception | None,
    said: list[str],
    files: int,
    behind: int,
) -> None:
    with monkeypatch.context() as patch, Log(run.number) as writing:
        asked, go = hanging(patch, lost)
        writing.offset("fe-1", effect.pk, 0)
        writing.out("Beanstalk").line("one")
        assert asked.wait(20)
        writing.out("Beanstalk").line("two")
        writing.out("fe-1", effect=effect.pk).write(b"from the host's file\n", offset=21)
        writing.out("console").line("elsewhere")
        writing.out("Beanstalk").line("three")
        go.set()
        with pytest.raises(type(lost)) if lost else nullcontext():
            writing.flush()
        with pytest.raises(type(lost)) if lost else nullcontext():
            writing.out("console").line("behind it")
    assert spool.store_all() == files
    assert texts(run, host="Beanstalk") == said
    assert texts(run, host="console") == (["elsewhere", "behind it"] if not lost else ["elsewhere"] if said else [])
    assert texts(run, host="fe-1") == (["from the host's file"] if not lost else [])
    effect.refresh_from_db()
    assert effect.offset == behind
    assert_no_gaps(run)


@pytest.mark.parametrize("answer", [None, OperationalError("the server closed the connection")])
def test_what_a_process_keeps_that_is_about_to_end_is_there_once(
    run: Run, spooled: None, monkeypatch: pytest.MonkeyPatch, answer: Exception | None
) -> None:
    """Whether the database takes what it was just asked to or not."""
    with monkeypatch.context() as patch, suppress(OperationalError, InterfaceError), Log(run.number) as writing:
        asked, go = hanging(patch, answer)
        writing.out("console").line("$ bin/magento maintenance:disable")
        assert asked.wait(20)
        writing.out("console").line("update accepted")
        writing.keep()
        go.set()
        writing.flush()
    assert spool.store_all() == 1
    assert texts(run) == ["$ bin/magento maintenance:disable", "update accepted"]
    assert_no_gaps(run)


def test_a_commands_own_line_is_spooled_without_the_output_that_came_with_it(
    run: Run, effect: Effect, spooled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"Flushed cache types:\nfull_page\n"
    with monkeypatch.context() as patch, Log(run.number) as writing:
        asked, go = hanging(patch, None, OperationalError("the server closed the connection"))
        writing.offset("fe-1", effect.pk, 0)
        writing.out("console").line("before")
        assert asked.wait(20)
        out = writing.out("fe-1", effect=effect.pk)
        out.line("$ bin/magento cache:flush")
        out.write(data[:21], offset=21)
        out.line("asked again")
        out.write(data[21:], offset=len(data))
        go.set()
        with pytest.raises(OperationalError):
            writing.flush()
    assert texts(run) == ["before"]
    assert spool.store_all() == 1
    assert texts(run, host="fe-1") == ["$ bin/magento cache:flush", "asked again"]
    effect.refresh_from_db()
    with Log(run.number) as writing:
        start = writing.offset("fe-1", effect.pk, effect.offset)
        writing.out("fe-1", effect=effect.pk).write(data[start:], offset=len(data))
    assert texts(run, host="fe-1") == ["$ bin/magento cache:flush", "asked again", "Flushed cache types:", "full_page"]
    assert_no_gaps(run)


def kept(run: int, *said: str) -> Path:
    before = set(spool.folder().glob("*"))
    spool.keep(run, [LogChunk(run_id=run, host="console", time=timezone.now(), text=text) for text in said])
    (path,) = set(spool.folder().glob("*")) - before
    return path


@pytest.mark.parametrize(
    "content",
    ['{"host": "console", "time": "2026-03', "[]\n", '{"host": "console"}\n', '{"host": "c", "time": "noon", "text": "x"}\n', "\x00"],
)
def test_a_bad_file_is_set_aside_and_the_others_are_stored(run: Run, spooled: None, caplog: pytest.LogCaptureFixture, content: str) -> None:
    bad = kept(run.number, "half of it")
    bad.write_text(content)
    kept(run.number, "whole")
    assert spool.store_all() == 1
    assert texts(run) == ["whole"]
    assert "cannot be stored" in caplog.text
    assert [path.suffix for path in spool.folder().iterdir()] == [".bad"]
    assert bad.with_suffix(".bad").read_text() == content
    assert spool.store_all() == 0
    assert_no_gaps(run)


def test_what_was_stored_by_a_process_that_died_is_not_stored_again(run: Run, spooled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(run.number, "twice", "twice", "once")
    kept(run.number, "twice")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", Mock(side_effect=Killed))
        with pytest.raises(Killed):
            spool.store_all()
    assert texts(run) == ["twice", "twice", "once"]
    assert spool.store_all() == 2
    assert texts(run) == ["twice", "twice", "once", "twice"]
    assert list(spool.folder().iterdir()) == []
    assert_no_gaps(run)


def test_what_was_stored_although_nobody_said_so_is_not_stored_again(run: Run, spooled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks between the commit and the reply to it."""
    number = Log._number

    def unheard(*asked: Any) -> None:
        number(*asked)
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch, Log(run.number) as writing:
        patch.setattr(Log, "_number", unheard)
        writing.out("console").line("one\ntwo")
        with pytest.raises(OperationalError):
            writing.flush()
    assert spool.store_all() == 1
    assert texts(run) == ["one", "two"]
    assert_no_gaps(run)


def test_lines_of_a_run_that_is_gone_are_set_aside(run: Run, spooled: None) -> None:
    kept(run.number + 1, "of no run")
    kept(run.number, "of this run")
    assert spool.store_all() == 1
    assert texts(run) == ["of this run"]
    assert [path.suffix for path in spool.folder().iterdir()] == [".bad"]


def test_what_is_still_being_written_is_not_read(run: Run, spooled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that comes in the middle of it, or a process that dies there."""
    seen: list[int] = []

    def full(descriptor: int) -> None:
        seen.append(spool.store_all())
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            kept(run.number, "never whole")
    assert seen == [0]
    assert spool.store_all() == 0
    assert texts(run) == []
    kept(run.number, "whole")
    assert spool.store_all() == 1
    assert texts(run) == ["whole"]


@pytest.mark.parametrize(("cut", "said"), [(0, ["one", "two"]), (5, ["one"]), (10_000, [])])
def test_what_a_dead_process_began_to_keep_is_stored_as_far_as_it_is_whole(run: Run, spooled: None, cut: int, said: list[str]) -> None:
    path = kept(run.number, "one", "two")
    begun = path.rename(path.with_suffix(".part"))
    begun.write_bytes(begun.read_bytes()[: max(0, begun.stat().st_size - cut)])
    assert spool.store_all() == 0, "it may still be written"
    os.utime(begun, (0, 0))
    with begun.open() as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert spool.store_all() == 0, "its writer lives"
    spool.store_all()
    assert texts(run) == said
    assert list(spool.folder().iterdir()) == []
    assert_no_gaps(run)


@pytest.mark.parametrize("disk", ["full", "well"])
def test_a_full_disk_ends_the_tick_and_does_not_hang_it(
    run: Run, spooled: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, disk: str
) -> None:
    def no_space(*_: Any) -> int:
        raise OperationalError("database or disk is full")

    def keep(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, Log(run.number) as writing:
        patch.setattr(Log, "_take_numbers", no_space)
        if disk == "full":
            patch.setattr(spool, "keep", keep)
        writing.out("console").line("one")
        assert_ends(writing.flush, OperationalError)
        assert_ends(lambda: writing.out("console").line("two"), OperationalError)
    assert ("neither the database nor the disk took 1 lines" in caplog.text) is (disk == "full")
    assert spool.store_all() == (0 if disk == "full" else 1)
    assert texts(run) == ([] if disk == "full" else ["one"])


def test_a_fault_in_storing_comes_to_those_who_wait_for_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Log, entries: Any) -> None:
        raise LookupError("a fault in the code")

    with Log(run.number) as writing:
        monkeypatch.setattr(Log, "_store", broken)
        writing.out("console").line("one")
        assert_ends(writing.flush, LookupError)


def assert_ends(wait: Callable[[], None], error: type[Exception]) -> None:
    """With this error, and not after a wait without end."""
    raised: list[Exception] = []

    def call() -> None:
        try:
            wait()
        except (DatabaseError, LookupError) as fault:
            raised.append(fault)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert [type(fault) for fault in raised] == [error]
