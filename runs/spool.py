"""Lines that exist nowhere else, while the database is away: in files beside it, numbered when it is back."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from runs.models import LogChunk, LogHead

logger = logging.getLogger(__name__)

ABANDONED = 60.0  # seconds after which a half-written file is looked at; whoever still writes it holds its lock


def folder() -> Path:
    return Path(settings.DATA_DIR) / "spool"


def keep(run: int, chunks: Sequence[LogChunk]) -> None:
    """On the disk when this returns. `chunks` are redacted and have no numbers yet."""
    if not chunks:
        return
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder() / f"{run}-{uuid.uuid4().hex}.jsonl"
    begun = path.with_suffix(".part")  # a name that no reader looks for, until the last byte is on the disk
    with open(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for chunk in chunks:
            file.write(json.dumps({"host": chunk.host, "time": chunk.time.isoformat(), "text": chunk.text}) + "\n")
        file.flush()
        os.fsync(file.fileno())
        begun.rename(path)


def store_all() -> int:
    """Numbers and stores what was kept; how many files. Raises DatabaseError while the database is away.

    What can be read by nobody, or belongs to no run, is set aside as .bad: one file does not keep the others from being stored.
    """
    for path in _abandoned():
        _complete(path)
    return sum(_take(path) for path in _kept())


def _abandoned() -> Iterator[Path]:
    """Begun, and not touched for a while."""
    for path in folder().glob("*.part") if folder().is_dir() else []:
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                yield path


def _complete(path: Path) -> None:
    """Its writer has died: the chunks that are whole are kept, what follows them is not."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            whole = file.read().rpartition(b"\n")
            file.truncate(len(whole[0] + whole[1]))
            os.fsync(file.fileno())
            path.rename(path.with_suffix(".jsonl")) if whole[1] else path.unlink()
    except (FileNotFoundError, BlockingIOError):
        return
    except OSError as error:
        logger.error("%s was left by a process that died, and cannot be completed: %s", path, error)
        return
    logger.warning("%s was left by a process that died: what is whole of it is stored", path.name)


def _kept() -> list[Path]:
    """The oldest first."""
    found = []
    for path in folder().glob("*.jsonl") if folder().is_dir() else []:
        with suppress(FileNotFoundError):  # somebody else has stored it meanwhile
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found)]


def _take(path: Path) -> bool:
    with suppress(FileNotFoundError), path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not path.exists():
            return False
        try:
            _store(int(path.name.split("-")[0]), [json.loads(line) for line in file])
        except (ValueError, KeyError, TypeError, ObjectDoesNotExist) as error:
            path.rename(path.with_suffix(".bad"))
            logger.error("lines that were kept in %s cannot be stored (%s: %s); they stay beside it", path, type(error).__name__, error)
            return False
        path.unlink()
        return True
    return False


def _store(run: int, kept: Sequence[dict[str, str]]) -> None:
    """But for what is there: whoever kept or stored it may have died, or lost the reply to its commit, before it could know."""
    chunks = [LogChunk(run_id=run, host=each["host"], time=datetime.fromisoformat(each["time"]), text=each["text"]) for each in kept]
    with transaction.atomic():
        head = LogHead.objects.select_for_update().get(run_id=run)
        there = set(LogChunk.objects.filter(run_id=run, time__in={chunk.time for chunk in chunks}).values_list("host", "time", "text"))
        new = [chunk for chunk in chunks if (chunk.host, chunk.time, chunk.text) not in there]
        for chunk in new:
            chunk.seq_first, chunk.seq_last = head.next_seq, head.next_seq + chunk.text.count("\n")
            head.next_seq = chunk.seq_last + 1
            head.bytes += len(chunk.text)
        LogChunk.objects.bulk_create(new)
        head.save()
