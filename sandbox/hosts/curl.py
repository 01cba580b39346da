"""`curl` on a host, played: what the host itself answers to `http://localhost/…`. Anything else cannot be resolved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.hosts import site
from sandbox.hosts.paths import mapped
from sandbox.hosts.play import Play


@dataclass(slots=True)
class _Request:
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    output: str = ""
    write_out: str = ""
    flags: str = ""  # single letters: f, i, I


def curl(call: Play) -> int:
    """What a host answers itself to `curl http://localhost/…`, with the Host header that is asked for."""
    request = _request(call.argv[1:])
    address = urlsplit(request.url if "://" in request.url else f"http://{request.url}")
    if address.hostname not in ("localhost", "127.0.0.1", call.host.private_ip):
        call.error(f"curl: (6) Could not resolve host: {address.hostname}\n")
        return 6
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    answer = site.answer(call.world, call.host, path, request.headers)
    failing = "f" in request.flags and answer.status >= 400
    if set("iI") & set(request.flags):
        rows = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        call.out("\r\n".join([*rows, "", ""]))
    body = "" if "I" in request.flags or failing else answer.body.decode(errors="replace")
    if request.output and request.output != "/dev/null":
        Path(mapped(call.host, request.output)).write_text(body)
    elif not request.output:
        call.out(body)
    call.out(request.write_out.replace("%{http_code}", str(answer.status)).replace("\\n", "\n"))
    if failing:
        call.error(f"curl: (22) The requested URL returned error: {answer.status}\n")
    return 22 if failing else 0


_LONG = {"--fail": "f", "--head": "I", "--include": "i", "--silent": "s", "--show-error": "S", "--location": "L"}
_WITH_VALUE = {
    "-H": "H",
    "--header": "H",
    "-o": "o",
    "--output": "o",
    "-w": "w",
    "--write-out": "w",
    "-m": "m",
    "--max-time": "m",
    "--connect-timeout": "m",
}


def _request(arguments: Sequence[str]) -> _Request:
    request = _Request()
    rest = iter(arguments)
    for argument in rest:
        if kind := _WITH_VALUE.get(argument):
            value = next(rest, "")
            if kind == "H":
                name, _, content = value.partition(":")
                request.headers[name.strip().lower()] = content.strip()
            elif kind == "o":
                request.output = value
            elif kind == "w":
                request.write_out = value
        elif argument.startswith("--"):
            request.flags += _LONG.get(argument, "")
        elif argument.startswith("-"):
            letters, last = argument[1:], argument[-1:]
            request.flags += letters
            if last == "o":
                request.output = next(rest, "")
            elif last == "w":
                request.write_out = next(rest, "")
        else:
            request.url = argument
    return request
