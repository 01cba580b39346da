"""The one door to boto3: clients, and `ask` and `tell` through which every call goes.

Where AWS is, and as whom we speak, boto3 reads from its standard environment (AWS_ENDPOINT_URL, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID …).
Foreign errors leave here translated (`remote.aws.faults`).
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import NoRegionError
from botocore.loaders import JSONFileLoader, Loader

from remote import observing
from remote.aws.faults import translated


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one attempt may take, in seconds: to be connected, and between two bytes of the answer."""

    connect: float = 3.0
    read: float = 8.0


READING = Patience()
# Together below half of the engine's lease of 20 s: a worker that lost its lease has no write under way.
WRITING = Patience(connect=3.0, read=6.0)
# Three for a question, one within `without_retries`. One for a change: whether a change that got no answer is repeated is the engine's
# decision, after its probe.
_ATTEMPTS = {"read": 3, "once": 1, "write": 1}

_Key = tuple[str, str, Patience, str]
_clients: dict[_Key, Any] = {}
_lock = threading.Lock()
_once: ContextVar[bool] = ContextVar("once", default=False)


class _WithoutWords(JSONFileLoader):
    """A service's model in plain dicts, without what it says to those who write programs: two thirds of the memory."""

    def load_file(self, file_path: str) -> dict[str, Any] | None:
        for ending, opened in ((".json", open), (".json.gz", gzip.open)):
            with contextlib.suppress(FileNotFoundError), opened(file_path + ending, "rb") as file:
                model: dict[str, Any] = json.load(file, object_hook=_wordless)
                return model
        return None


def _wordless(element: dict[str, Any]) -> dict[str, Any]:
    if isinstance(element.get("documentation"), str):  # anything else is a thing of AWS that bears this name
        element["documentation"] = ""
    return element


_models = Loader(file_loader=_WithoutWords())  # reads each service's model once; they are large, and most of what a new client costs


@contextmanager
def without_retries(*, when: bool = True) -> Iterator[None]:
    """What is asked within, in this thread, is asked once: by somebody who has failed lately, and has pauses of his own."""
    token = _once.set(when or _once.get())
    try:
        yield
    finally:
        _once.reset(token)


def client(service: str, *, write: bool = False, patience: Patience | None = None) -> Any:
    """A client, shared by the threads of this process; made once, so that a process may make it before it forks.

    `service@region` speaks to another region than the console's own.
    """
    kind = "write" if write else "once" if _once.get() else "read"
    patience = patience or (WRITING if write else READING)
    key = (service, kind, patience, os.environ.get("AWS_ENDPOINT_URL", ""))
    with _lock:
        if key not in _clients:
            config = Config(
                connect_timeout=patience.connect,
                read_timeout=patience.read,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS[kind]},
                tcp_keepalive=True,
                max_pool_connections=20,
            )
            with translated(f"connecting to {service}"):
                name, _, region = service.partition("@")
                _clients[key] = _session().client(name, region_name=region or None, config=config)  # type: ignore[call-overload]
        return _clients[key]


def _session() -> boto3.session.Session:
    """One for each client: boto3's default session is not safe to use from several threads. Called with the lock."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _models)
    return boto3.session.Session(botocore_session=session)


def prepare(services: Iterable[str] = ("elasticbeanstalk", "s3", "ec2", "elbv2", "sts", "cloudwatch")) -> None:
    """Makes the clients now. Called by a parent before it forks: reading the service models takes 0.1–0.5 s, once."""
    for service in services:
        client(service)
        client(service, write=True)


def ask(service: str, operation: str, *, patience: Patience | None = None, **arguments: Any) -> dict[str, Any]:
    """A question to AWS, asked again up to twice where the network or AWS stumbles."""
    with translated(_doing(service, operation)):
        answer: dict[str, Any] = getattr(client(service, patience=patience), operation)(**arguments)
    return answer


def ask_all(service: str, operation: str, member: str, *, patience: Patience | None = None, **arguments: Any) -> Iterator[dict[str, Any]]:
    """The elements of list `member` of every page of the answer."""
    with translated(_doing(service, operation)):
        for page in client(service, patience=patience).get_paginator(operation).paginate(**arguments):
            yield from page.get(member, ())


def tell(service: str, operation: str, *, patience: Patience | None = None, **arguments: Any) -> dict[str, Any]:
    """A change in AWS, sent exactly once. Raises Unanswered where it may have happened."""
    observing.refuse(_doing(service, operation))
    with translated(_doing(service, operation), changes=True):
        answer: dict[str, Any] = getattr(client(service, write=True, patience=patience), operation)(**arguments)
    return answer


def region_of() -> tuple[str, str]:
    """The console's own region, and AWS's word for where that is, such as Paris. Raises Refused where no region is set."""
    with translated("choosing a region"):
        session = boto3.session.Session()
        if not session.region_name:
            raise NoRegionError
        partitions = session._session.get_data("endpoints")["partitions"]  # boto3 has no name of its own for it
    said = next((each["regions"][session.region_name]["description"] for each in partitions if session.region_name in each["regions"]), "")
    return session.region_name, said.partition("(")[2].rstrip(")")


def _doing(service: str, operation: str) -> str:
    return f"{service} {operation.replace('_', '-')}"


def _forget_inherited_connections() -> None:
    """A child must not talk over its parent's sockets; the clients themselves are good in both."""
    global _lock
    _lock = threading.Lock()
    for each in _clients.values():
        each.close()


os.register_at_fork(after_in_child=_forget_inherited_connections)
