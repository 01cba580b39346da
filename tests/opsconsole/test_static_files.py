"""Stylesheets and scripts as a browser gets them from a web process; a warning fails a test."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from django.core.asgi import get_asgi_application
from pytest_django.fixtures import Settings


@pytest.mark.parametrize(
    ("method", "asked", "status", "body", "length"),
    [
        ("GET", {}, 200, b"body { margin: 0 }", "18"),
        ("HEAD", {}, 200, b"", "18"),
        ("GET", {"Range": "bytes=0-3"}, 206, b"body", "4"),
        ("GET", {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304, b"", None),
    ],
)
async def test_a_file_is_sent_as_asked(
    method: str, asked: dict[str, str], status: int, body: bytes, length: str | None, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "style.css").write_bytes(b"body { margin: 0 }")
    settings.STATIC_ROOT = tmp_path
    transport = httpx.ASGITransport(get_asgi_application())  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        answer = await client.request(method, "/static/style.css", headers=asked)
        assert (answer.status_code, answer.content, answer.headers.get("Content-Length")) == (status, body, length)
        assert answer.headers.get("Content-Type", "text/css").startswith("text/css")
        assert "Content-Security-Policy" not in answer.headers, "answered before whatever makes pages"
        assert (await client.get("/static/nothing.css")).status_code == 404
