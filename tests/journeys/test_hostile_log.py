"""300 payloads as lines of a log, as a host's or a committer's would be, in a real browser: none runs, and each is shown as what it is."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Dialog
from pytest_django.live_server_helper import LiveServer

from people import audit
from people.models import Operator
from runs.models import LogChunk, LogHead, Run
from tests import scenery
from tests.journeys.browser import Person, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200), pytest.mark.django_db(transaction=True)]

_DO = "window.ran=(window.ran||0)+1"
_SHAPES = (
    "<script>{do}</script>", "<ScRiPt>{do}</sCrIpT>", "<img src=x onerror={do}>", "<svg onload={do}>", "<svg><script>{do}</script></svg>",
    "<iframe srcdoc='<script>parent.{do}</script>'></iframe>",
    "<a href='javascript:{do}'>x</a>", "<body onload={do}>", "<details open ontoggle={do}>",
    "<input autofocus onfocus={do}>", "<math><mtext></mtext><script>{do}</script></math>", "<video><source onerror={do}></video>",
    "<template><script>{do}</script></template>", "<style>@import 'javascript:{do}'</style>", "<object data='javascript:{do}'></object>",
    "<div hx-on:load='{do}' hx-get='/runs/' hx-trigger='load'>x</div>", "{{{{constructor.constructor('{do}')()}}}}",
    "<base href='http://evil.example/'>", "<meta http-equiv=refresh content='0;url=javascript:{do}'>",
    "<form action='javascript:{do}'><button autofocus>x</button></form>",
)  # fmt: skip
_AROUND = (
    "{0}", "\x1b[31m{0}\x1b[0m", "\x1b]8;;javascript:alert(1)\x07{0}\x1b]8;;\x07",
    "\"'>{0}", "</pre></li></ol>{0}", "<!--{0}-->", "]]>{0}", "\u202e{0}",
    "{0}\u2028{0}", "&lt;{0}", "%3Cscript%3E{0}", "\x1b[1;4;31m\x1b[K{0}", "\x1bP{0}\x1b\\", "`{0}`", "${{{0}}}",
)  # fmt: skip
_SCROLL = """async (part) => {
  const view = document.querySelector("[data-log-view]");
  view.scrollTop = view.scrollHeight * part;
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
}"""
PAYLOADS = [around.format(shape.format(do=_DO)) for shape in _SHAPES for around in _AROUND]


@pytest.fixture
def run(releaser: Operator) -> Run:
    found = scenery.rolling(releaser)
    LogChunk.objects.filter(run=found).delete()
    lines = [f"payload {number}: {text}".replace("\n", " ") for number, text in enumerate(PAYLOADS, 1)]
    text = "\n".join(lines)
    LogChunk.objects.create(run=found, seq_first=1, seq_last=len(lines), host="fe-1", time=timezone.now(), text=text)
    LogHead.objects.filter(run=found).update(next_seq=len(lines) + 1)
    Run.objects.filter(pk=found.pk).update(reason=PAYLOADS[0], said=PAYLOADS[2])
    for payload in PAYLOADS[:40]:
        audit.record("something", by=releaser, target=payload, why=payload, facts={"x": payload})
    return found


def test_none_of_them_runs(browser: Browser, live_server: LiveServer, run: Run, releaser: Operator) -> None:
    assert len(PAYLOADS) == 300
    person = Person(browser, live_server.url, sockets=False).sign_in("releaser", "releaser-long-enough")
    asked: list[str] = []

    def noticed(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    person.page.on("dialog", noticed)
    person.page.on("request", lambda request: asked.append(request.url) if not request.url.startswith(live_server.url) else None)
    for path in (f"/runs/{run.number}/", "/runs/", "/audit/", f"/audit/?run=&q={PAYLOADS[0]}"):
        person.go(path)
        person.page.wait_for_load_state("load")
        if path == f"/runs/{run.number}/":
            wait_until(lambda: "payload 300" in person.page.inner_text("body"), seconds=60, what="the last payload as text")
            for part in range(31):  # few lines are in the page at a time: each has its turn
                person.page.evaluate(_SCROLL, part / 30)
        assert person.page.evaluate("window.ran") is None
        assert person.page.evaluate("document.querySelectorAll('main script:not([src]), main iframe, main base, main object').length") == 0
    assert not asked
    person.leaves()
