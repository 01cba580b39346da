"""A person at the pages: signs in as a browser does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from faults.rig import Rig


def session(rig: Rig) -> str:
    """Signs in as a browser does; the cookie."""
    rig.with_pages()
    with httpx.Client(base_url=f"http://127.0.0.1:{rig.port}", timeout=30, trust_env=False) as client:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/sign-in/").text)
        assert token is not None, "there is no sign-in form"
        form = {"username": "admin", "password": rig.password, "csrfmiddlewaretoken": token[1]}
        answer = client.post("/sign-in/", data=form, headers={"Referer": f"http://127.0.0.1:{rig.port}/sign-in/"})
        assert answer.status_code == 302, answer.text[:300]
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())
