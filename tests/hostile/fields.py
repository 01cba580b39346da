"""What can be filled in, read from the code that reads it: whatever a page asks its form and its address for, and what OpenAPI describes.

No list of names is kept here. A page is asked once, and told what it wants to know, until it asks for nothing more; so a new field joins
by itself. `VALUES` has words that fit, so that one field can be spoiled while the others let the page go on.
"""

from __future__ import annotations

import ast
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

ASKED_OF = ("GET", "POST")
_TOMORROW = timezone.now() + timedelta(days=1)
# Words that fit a field of this name, on whatever page; more than one where the page asks for other fields then.
VALUES: dict[str, tuple[str, ...]] = {
    "when": ("at", "free"),
    "due": (f"{_TOMORROW:%Y-%m-%dT%H:%M}",),
    "what": ("a service was restarted",),
    "until": (f"{_TOMORROW:%Y-%m-%dT%H:%M}",),
    "expires": (f"{_TOMORROW:%Y-%m-%d}",),
    "name": ("jane.roe",),
    "role": ("viewer",),
    "active": ("yes",),
    "strength": ("abort",),
    "days": ("1",),
    "scope": ("read",),
    "minutes": ("5",),
    "cidr": ("203.0.113.9",),
    "address": ("203.0.113.9",),
    "services": ("rdp",),
    "span": ("3h",),
    "before": ("9",),
    "run": ("1",),
    "after": ("0",),
    "from": (f"{timezone.now() - timedelta(hours=3):%Y-%m-%dT%H:%M}",),
    "to": (f"{timezone.now():%Y-%m-%dT%H:%M}",),
    "new_password1": ("correct horse battery",),
    "new_password2": ("correct horse battery",),
    "idempotency_key": ("a-key-of-somebody",),
    "key": ("a-key-of-somebody",),
    "release": ("",),
    "relaunch_of": ("",),
    "strategy": ("as-written",),
    "path": ("",),
    "because": ("",),
    "code_branch": ("master",),
    "config_branch": ("prod",),
    "at": (f"{timezone.now() - timedelta(hours=3):%Y-%m-%dT%H:%M}",),
    "close_back_office": ("",),
    "option": ("",),
    "argument": ("",),
}

FITS_API: dict[str, Any] = {
    "limit": "5",
    "cursor": "",
    "expires": f"{_TOMORROW.isoformat()}",
    "until": f"{_TOMORROW.isoformat()}",
    "due": f"{_TOMORROW.isoformat()}",
    "state": "",
    "kind": "",
    "verdict": "",
    "host": "",
    "deed": "suspend",
}


@dataclass(frozen=True, slots=True)
class Form:
    """One address that can be asked by GET or POST; each field that it reads there, with words for all of them with which it is read."""

    page: str
    url: str
    method: str
    fields: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        return f"{self.method} {self.page}"


class Teller:
    """Sends, and leaves nothing behind: neither in the database, nor in the session, nor in the cache."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._cookies = client.cookies.output(header="", sep="\r\n")

    @contextmanager
    def undone(self) -> Iterator[None]:
        block = transaction.atomic()
        block._from_testcase = True  # type: ignore[attr-defined]  # as Django's own: what wants to be outermost may
        with block:
            yield
            transaction.set_rollback(True)
        self.client.cookies = SimpleCookie(self._cookies)
        cache.clear()

    def sent(self, method: str, url: str, values: Mapping[str, Any]) -> Any:
        return (self.client.get if method == "GET" else self.client.post)(url, values)


@contextmanager
def listening() -> Iterator[list[tuple[int, str]]]:
    """Every name that anybody asks a form or a query for, with the identity of what was asked."""
    heard: list[tuple[int, str]] = []
    kept = {name: getattr(MultiValueDict, name) for name in ("__getitem__", "_getlist")}
    contains = QueryDict.__contains__

    def one(self: Any, key: str) -> Any:
        heard.append((id(self), key))
        return kept["__getitem__"](self, key)

    def several(self: Any, key: str, *rest: Any, **more: Any) -> Any:
        heard.append((id(self), key))
        return kept["_getlist"](self, key, *rest, **more)

    def has(self: Any, key: str) -> bool:
        heard.append((id(self), key))
        return bool(contains(self, key))

    for of, name, instead in (
        (MultiValueDict, "__getitem__", one),
        (MultiValueDict, "_getlist", several),
        (QueryDict, "__contains__", has),
    ):
        setattr(of, name, instead)
    try:
        yield heard
    finally:
        for name, own in kept.items():
            setattr(MultiValueDict, name, own)
        delattr(QueryDict, "__contains__")  # dict's own again


def fields_of(teller: Teller, page: str, url: str, fits: Mapping[str, Any]) -> Iterator[Form]:
    """What this page reads, by each method that it takes."""
    for method in ASKED_OF:
        known: dict[str, Mapping[str, Any]] = {}
        taken, before = True, -1
        while taken and len(known) > before:
            before = len(known)
            heard: dict[str, Mapping[str, Any]] = {}
            for values in list(_fillings(known, fits)):
                names, taken = _asked(teller, method, url, values)
                heard = dict.fromkeys(names, values) | heard  # the first words with which it is read
            known = known | heard
        if taken and known:
            yield Form(page, url, method, known)


def _fillings(known: Iterable[str], fits: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each field with a word that fits, and once for each other word that one of them may have; at last, none of them."""
    first = {name: fits[name] if name in fits else VALUES.get(name, ("1",))[0] for name in known}
    yield first
    for name in known:
        for other in VALUES.get(name, ()):
            if other != first[name]:
                yield first | {name: other}
    yield {}


def _asked(teller: Teller, method: str, url: str, values: Mapping[str, Any]) -> tuple[list[str], bool]:
    with teller.undone(), listening() as heard:
        answer = teller.sent(method, url, values)
        request = answer.wsgi_request
        of = id(request.GET) if method == "GET" else id(request.POST)
        names = [name for identity, name in heard if identity == of and name != "csrfmiddlewaretoken"]
    return names, answer.status_code != 405


# -- what the source says, to hold the above against


def asked_in_source() -> dict[str, set[str]]:
    """{file: names} of every `request.POST.get("…")` and the like that stands in the product."""
    found = {}
    for path in sorted(Path(settings.BASE_DIR).glob("[!.]*/**/*views.py")):  # no installation (.venv, .cache)
        place = path.relative_to(settings.BASE_DIR)
        if place.parts[0] not in ("tests", "sandbox"):
            names = set(_names(ast.parse(path.read_text(encoding="utf-8"))))
            if names:
                found[str(place)] = names
    return found


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=of, attr="get" | "getlist"), args=[ast.Constant(value=str(name)), *_]) if _is_sent(of):
                yield name
            case ast.Subscript(value=of, slice=ast.Constant(value=str(name))) if _is_sent(of):
                yield name


def _is_sent(node: ast.expr) -> bool:
    return ast.unparse(node) in ("request.POST", "request.GET", "posted", "got", "self.request.POST", "self.request.GET")


# -- the API's operations, from its own description


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with every parameter that it has: in its address, its query, its headers, its document."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]  # (where, name)
    lists: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def described(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation of an OpenAPI document."""
    found = []
    for path, operations in document["paths"].items():
        for method, told in operations.items():
            parameters = [(each["in"], each["name"]) for each in told.get("parameters", ())]
            schema: Mapping[str, Any] = {}
            for content in told.get("requestBody", {}).get("content", {}).values():
                schema = _resolved(document, content["schema"])
            properties = schema.get("properties", {})
            lists = {name for name, each in properties.items() if each.get("type") == "array"}
            parameters += [("body", name) for name in properties]
            found.append(Operation(method.upper(), path, tuple(parameters), frozenset(lists)))
    return found


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]  # type: ignore[no-any-return]
    return schema


def same_path(decided: str, operation: Operation) -> bool:
    """Whether the decision of that name ("GET /runs/{int:number}") is about this operation."""
    return operation.name == re.sub(r"{\w+:(\w+)}", r"{\1}", decided).replace(" /", " /api/v1/", 1)


def call(
    teller: Teller,
    operation: Operation,
    fits: Mapping[str, Any],
    where: str = "",
    name: str = "",
    text: str = "",
    *,
    key: str = "",
    more: Any = None,
) -> Any:
    """The operation with all that fits, and one parameter spoiled; `key` goes with it, and `more` into its document."""
    spoiled: Any = [text] if name in operation.lists else text
    values = {
        each: spoiled if each == (where, name) else fits[each[1]]
        for each in operation.parameters
        if each == (where, name) or each[1] in fits
    }
    url = re.sub(r"{(\w+)}", lambda found: quote(str(values[("path", found[1])]), safe=""), operation.path)
    query = urlencode({name: value for (place, name), value in values.items() if place == "query"}, doseq=True)
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    headers |= {name: _header(value) for (place, name), value in values.items() if place == "header"}
    body = {name: value for (place, name), value in values.items() if place == "body"} | (more or {})
    sent = json.dumps(body) if body else ""
    return teller.client.generic(
        operation.method, f"{url}?{query}" if query else url, sent, content_type="application/json", headers=headers
    )


def _header(value: Any) -> str:
    """As a server hands it on: bytes as Latin-1, and never a line break, which no server lets through."""
    return re.sub(r"[\r\n\0]", " ", str(value)).encode().decode("latin-1")
