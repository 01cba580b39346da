"""The log of a run as JSON for the viewer and as a file to take away. Numbers are the database's: the same for everybody, without gaps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from people import audit
from people.permissions import require
from people.views import may_view
from runs import ansi, reading
from runs.models import Run
from runs.numbers import whole

MOST = 5000  # lines in one answer, or chunks where all of them are asked for
AT_ONCE = 200  # chunks


@require_safe
@may_view
def log(request: HttpRequest, number: int) -> JsonResponse:
    """{"head", "last", "chunks": [{"first", "host", "time", "text"}]}: what a page reads at join and where it sees a gap.

    `head` is the newest number there is, `last` up to where this answer reaches: ask again with it as `after`.
    """
    run = get_object_or_404(Run.objects.only("number"), pk=number)
    after, host, contains = whole(request.GET.get("after", "0")), request.GET.get("host", ""), request.GET.get("contains", "")
    if after is None:
        return JsonResponse({"detail": "after is the number of a line: a whole number from 0."}, status=400)
    head = reading.last_number(run.pk)
    chunks = _filtered(run.pk, after, host, contains) if host or contains else _stored(run.pk, after)
    last = chunks[-1]["first"] + chunks[-1]["text"].count("\n") if chunks else max(after, head)
    return JsonResponse({"head": max(head, last), "last": last, "chunks": chunks})


def _stored(run: int, after: int) -> list[dict[str, Any]]:
    return [
        {"first": chunk.seq_first, "host": chunk.host, "time": chunk.time.isoformat(), "text": chunk.text}
        for chunk in reading.chunks(run, after, most=AT_ONCE)
    ]


def _filtered(run: int, after: int, host: str, contains: str) -> list[dict[str, Any]]:
    return [
        {"first": line.seq, "host": line.host, "time": line.time.isoformat(), "text": line.text}
        for line in reading.read(run, after, MOST, host=host, contains=contains)
    ]


@require_safe
@may_view
def download(request: HttpRequest, number: int) -> StreamingHttpResponse:
    """The whole log as text: number, time in UTC, host, line, without colours."""
    run = get_object_or_404(Run.objects.only("number"), pk=number)
    audit.record("download log", by=require(request.user, "view"), target=f"run {run.pk}", run=run.pk)
    response = StreamingHttpResponse(_text(run.pk), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{run.pk}.log"'
    return response


async def _text(number: int) -> AsyncIterator[str]:
    """A page at a time, as the browser takes them: the web process never holds the whole."""
    after = 0
    while lines := await sync_to_async(reading.read)(number, after, MOST):
        yield "".join(f"{line.seq}\t{line.time:%Y-%m-%dT%H:%M:%S.%fZ}\t{line.host}\t{ansi.plain(line.text)}\n" for line in lines)
        after = lines[-1].seq
