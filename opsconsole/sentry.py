"""Tells a Sentry of faults: of which type, at which line, in which request or run. Imported only where SENTRY_DSN names one.

The SDK is asked for its sender alone. None of its integrations is there, so it wraps neither Django nor Redis, the database or HTTP: a
fault is what somebody logs with its exception, and a handler of the logging takes it from there. What leaves is put together anew from a
few fields (`only_what_is_told`), as the very last thing before it is sent: whatever a later SDK collects besides stays here.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import sentry_sdk
from django.conf import settings
from sentry_sdk.types import Event, Hint
from sentry_sdk.utils import event_from_exception
from structlog.contextvars import get_contextvars

from opsconsole.logs import without_links
from runs.redact import redact

LONGEST = 500  # characters of an exception's message
FLUSH_SECONDS = 1.0  # a process that ends waits so long for what it has not sent yet
# A request that was refused is no fault, and anybody outside can make many. The SDK's own troubles would go round in a circle.
NOT_TOLD = ("django.security", "sentry_sdk", "urllib3")
_FIELDS = ("event_id", "timestamp", "platform", "level", "logger", "release", "server_name")
_OF_A_FRAME = ("filename", "module", "function", "lineno", "in_app")
_TOLD = "_told_to_sentry"


def begin() -> None:
    """From now on: whatever any logger says of an exception, and an exception that ends this process."""
    faults = Faults()
    logging.getLogger().addHandler(faults)
    before = sys.excepthook

    def ends(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
        before(kind, fault, trace)
        if isinstance(fault, Exception):
            faults.handle(logging.LogRecord("process", logging.CRITICAL, __file__, 0, "", (), (kind, fault, trace)))

    sys.excepthook = ends


class Faults(logging.Handler):
    """Words without an exception are for the log alone: they say what somebody does about it already.

    It only puts into a queue of a hundred, from which a thread sends; when that is full, more is dropped. So nobody waits for a Sentry
    that is away, but a process that ends, and that for FLUSH_SECONDS at most and only after a fault.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._begin()
        # A queue that was forked has entries that nobody will send, and perhaps a lock that nobody will open.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._sends = False
        self._client = sentry_sdk.Client(
            dsn=settings.SENTRY_DSN,
            release=settings.CODE_VERSION,
            server_name=urlsplit(settings.SITE_URL).hostname,
            project_root=str(settings.BASE_DIR),
            before_send=only_what_is_told,
            shutdown_timeout=FLUSH_SECONDS,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            send_default_pii=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            auto_session_tracking=False,
            send_client_reports=False,
            enable_backpressure_handling=False,
            enable_metrics=False,
            enable_logs=False,
            spotlight=False,
            debug=False,
        )

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[1] if record.exc_info else None
        if fault is None or record.name.startswith(NOT_TOLD) or _TOLD in vars(fault):
            return
        vars(fault)[_TOLD] = True  # whoever logs it again further up says nothing new
        try:
            event, hint = event_from_exception(fault, client_options=self._client.options)
            event["logger"] = record.name
            event["level"] = "fatal" if record.levelno >= logging.CRITICAL else "error"
            self._sends = self._client.capture_event(event, hint) is not None or self._sends
        except Exception:  # noqa: BLE001  (whoever logs a fault must not meet one by that)
            self.handleError(record)

    def flush(self) -> None:
        """`logging.shutdown` asks for it when the process ends."""
        if self._sends:
            self._client.flush(FLUSH_SECONDS)


def only_what_is_told(event: Event, hint: Hint) -> Event | None:
    """None where there is no exception in it. Of a message the first line: below it are a database's values, or what a command printed."""
    faults = (event.get("exception") or {}).get("values") or []
    told: Any = {name: event[name] for name in _FIELDS if name in event}  # type: ignore[literal-required]
    told["exception"] = {"values": [_exception(fault) for fault in faults]}
    told["tags"] = {name: str(value) for name, value in get_contextvars().items() if name in ("request", "run")}
    told["sdk"] = {"name": "sentry.python", "version": sentry_sdk.VERSION}
    return _redacted(told) if faults else None


def _exception(fault: Mapping[str, Any]) -> dict[str, Any]:
    frames = (fault.get("stacktrace") or {}).get("frames") or []
    message = without_links(redact(fault.get("value") or "")).strip().partition("\n")[0]
    return {
        "type": fault.get("type"),
        "module": fault.get("module"),
        "value": message[:LONGEST],
        "stacktrace": {"frames": [{name: frame.get(name) for name in _OF_A_FRAME} for frame in frames]},
    }


def _redacted(told: Any) -> Any:
    match told:
        case str():
            return redact(told)
        case dict():
            return {name: _redacted(each) for name, each in told.items()}
        case list():
            return [_redacted(each) for each in told]
    return told
