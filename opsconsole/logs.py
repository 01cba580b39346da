"""The processes' own logs: lines for a person, or one JSON object a line for a machine, with the ids of the request and of the run."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_ONE_TIME_LINK = re.compile(r"(/access/get/)[^/\s\"']+")
_SOUND = re.compile(r"[A-Za-z0-9._-]{8,64}")
# They tell every request; the shop alone is asked once a second.
_QUIET = ("httpx", "httpcore", "botocore", "boto3", "urllib3", "asyncio")
_FACTS: list[Callable[..., Any]] = [
    structlog.contextvars.merge_contextvars,  # request, run
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def configuration(form: str, level: str) -> dict[str, Any]:
    """For Django's LOGGING; `form` is "text" or "json". uvicorn's own handler, set up before, goes by this: its lines are no JSON."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _FACTS,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.EventRenamer("message"),
                    structlog.processors.JSONRenderer(ensure_ascii=False),
                ],
            },
        },
        "filters": {"links": {"()": WithoutLinks}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form, "filters": ["links"]}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "uvicorn": {"propagate": True},
            "uvicorn.error": {"level": logging.getLogger("uvicorn.error").level},  # as uvicorn was told to speak
            "uvicorn.access": {"handlers": [], "propagate": False},  # the paths of one-time links are secrets
            **{name: {"level": "WARNING"} for name in _QUIET},
        },
    }


class WithoutLinks(logging.Filter):
    """A link for one download is a secret for ten minutes, and Django names the path of whatever goes wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # words and arguments that do not fit: the handler says so, as logging always does
            return True
        if "/access/get/" in text:
            record.msg, record.args = without_links(text), ()
        return True


def without_links(text: str) -> str:
    return _ONE_TIME_LINK.sub(r"\1[secret]", text)


class RequestId:
    """Every request has an id, which its answer and its log lines bear; one that the proxy gave is kept where it is a sound one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        known = given if _SOUND.fullmatch(given) else uuid.uuid4().hex
        # Until the next one: Django tells of a 404 or a fault when every middleware has returned.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=known)
        response = self._get_response(request)
        response["X-Request-ID"] = known
        return response
