"""`./console release` and its kin, against a console that listens: what they print, and the exit codes that builds go by."""

from __future__ import annotations

import io
import json
import sys
from datetime import date, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any
from urllib.error import HTTPError

import pytest
from django.utils import timezone

from deployments import actions
from door import caller, jobs
from door.__main__ import main
from door.caller import Caller, Unreachable
from door.places import Failed
from monitoring.alarms.models import Alarm
from people.models import Operator, Token
from runs import api as runs_api
from runs.models import Run
from tests import scenery

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def console(live_server: Any, releaser: Operator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A terminal with the environment of a build; called with words, it gives the exit code."""
    monkeypatch.setenv("SITE_URL", live_server.url)
    monkeypatch.setenv("API_TOKEN", Token.issue(releaser, "build", lives=timedelta(hours=1))[1])
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")

    def call(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["./console", *words])
        return main()

    return call


@pytest.mark.parametrize("state, code", [("succeeded", 0), ("failed", 1), ("cancelled", 1), ("waiting", 3), ("unknown", 3)])
def test_a_run_is_followed_to_its_end_line_by_line(
    console: Any, releaser: Operator, capsys: pytest.CaptureFixture[str], state: str, code: int
) -> None:
    run = scenery.run(scenery.plan(releaser), releaser)
    scenery.log(run, *[("fe-1", f"line {number}") for number in range(1, 1201)])
    Run.objects.filter(pk=run.pk).update(state=state, said="What came of it.", ended=timezone.now())
    assert jobs._follow(Caller(), run.number) == code
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" ", 1)[1].strip() for line in printed[:-1]] == [f"fe-1     line {number}" for number in range(1, 1201)]
    assert printed[-1] == f"Run {run.number} {state}. What came of it."


def test_no_line_commands_the_terminal(console: Any, releaser: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    run = scenery.run(scenery.plan(releaser), releaser)
    scenery.log(run, ("fe-1", "\x1b[1A\x1b[2K\x1b]0;owned\x07statics \x1b[32m50 %\x1b[0m"))
    Run.objects.filter(pk=run.pk).update(state="failed", said="\x1b[2JIt failed.", ended=timezone.now())
    jobs._follow(Caller(), run.number)
    line, end = capsys.readouterr().out.splitlines()
    assert line.endswith(" fe-1     statics 50 %")
    assert end == f"Run {run.number} failed. It failed."


def test_nor_does_a_plan_and_nor_does_a_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    """A branch's name, a tier's, what a repository answered: each stands in one of these."""
    escape = "\x1b[1A\x1b[2K\x1b]0;owned\x07"
    plan = {"title": f"Release {escape}r418", "hash": "a" * 64, "steps": [{"title": f"Build {escape}master"}]}
    jobs._print_plan(plan, [{"title": f"Ready{escape}", "said": f"no {escape}answer"}])
    assert capsys.readouterr().out.splitlines() == ["Release r418  (plan aaaaaaaaaaaa)", "   1. Build master", "  ! Ready: no answer"]
    told = io.BytesIO(json.dumps({"detail": f"git says: {escape}no such branch"}).encode())
    assert caller._words(HTTPError("", 422, "", Message(), told)) == "git says: no such branch"


def test_what_is_refused_is_told_in_the_consoles_words(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert console("release", "no-such-service", "--env", "production", "--plan") == 2
    assert "no-such-service" in capsys.readouterr().err


def test_without_a_token_or_with_a_wrong_one_nothing_is_asked_twice(
    console: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "oc_wrong")
    assert console("release", "magento", "--env", "production") == 2
    assert "The token is unknown" in capsys.readouterr().err
    monkeypatch.delenv("API_TOKEN")
    assert console("release", "magento", "--env", "production") == 2
    assert "API_TOKEN is not set" in capsys.readouterr().err


def test_a_token_that_prepares_starts_nothing(console: Any, releaser: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scenery.plan(releaser)
    monkeypatch.setenv("API_TOKEN", Token.issue(releaser, "webhook", lives=timedelta(hours=1), scope="prepare")[1])
    with pytest.raises(Failed) as refused:
        Caller().post("runs", {"plan": str(made.pk), "hash": made.hash})
    assert "makes plans and starts none" in str(refused.value)
    assert not Run.objects.exists()


def test_a_console_that_is_not_there_has_a_code_of_its_own(console: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_URL", "http://127.0.0.1:9")
    assert console("alarms") == 4


def test_alarms_of_which_nothing_is_known_are_listed_so_and_none_rings(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert console("alarms") == 0
    assert f"{'unknown':18} DB CPU Prod" in capsys.readouterr().out.splitlines()


def test_an_alarm_that_rings_has_an_exit_code(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    now = timezone.now()
    scenery.alarms_read(now)
    alarm = Alarm.objects.create(name="DB CPU Prod", state="ALARM", since=now, changed=now, seen=now)
    assert console("alarms") == 3
    assert f"{'ALARM':18} DB CPU Prod" in capsys.readouterr().out.splitlines()
    Alarm.objects.filter(pk=alarm.pk).update(state="OK")
    assert console("alarms") == 0


def test_a_change_whose_answer_was_lost_is_asked_for_again_by_the_same_key(
    console: Any, releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after the console has done it: one run, and its number is told."""
    made, asked, heard = scenery.plan(releaser), Caller._ask, []
    monkeypatch.setitem(runs_api._starters, "release", runs_api._start_plainly)
    monkeypatch.setattr(caller, "_PAUSE", 0.0)

    def loses_the_first(self: Caller, *words: Any) -> Any:
        answer = asked(self, *words)
        heard.append(words[-1])
        if len(heard) == 1:
            raise Unreachable("the connection broke")
        return answer

    monkeypatch.setattr(Caller, "_ask", loses_the_first)
    told = Caller().post("runs", {"plan": str(made.pk), "hash": made.hash})
    assert len(heard) == 2
    assert len(set(heard)) == 1
    assert told["id"] == Run.objects.get().number


def test_a_plan_that_takes_longer_than_anybody_waits_is_made_once_and_told(
    console: Any, releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bundle is built cold: the first answer is lost, and until there is one the key is known to be under way."""
    made, began, may_end, asked, met = scenery.plan(releaser), Event(), Event(), Caller._ask, list[str]()

    def slowly(*words: Any, **more: Any) -> Any:
        assert not began.is_set(), "it is planned once"
        began.set()
        assert may_end.wait(30)
        return made

    def noted(self: Caller, *words: Any) -> Any:
        try:
            return asked(self, *words)
        except Failed as failed:
            met.append(type(failed).__name__)
            monkeypatch.setattr(caller, "_SECONDS", 60)
            assert began.wait(30)
            if len(met) == 3:
                may_end.set()
            raise

    monkeypatch.setattr(actions, "plan_release", slowly)
    monkeypatch.setattr(caller, "_SECONDS", 0.5)
    monkeypatch.setattr(caller, "_PAUSE", 0.1)
    monkeypatch.setattr(Caller, "_ask", noted)
    told = Caller().post("plans", {"service": "magento", "environment": "production"})
    assert told["id"] == str(made.pk)
    assert met[:3] == ["Unreachable", "UnderWay", "UnderWay"]


@pytest.mark.parametrize(("headers", "code"), [({"Retry-After": "2"}, 3), ({}, 2)])
def test_what_never_stops_being_under_way_is_for_a_person_and_no_refusal(
    console: Any, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], code: int
) -> None:
    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(409)
            for name, value in {"Content-Type": "application/problem+json", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b'{"detail": "still under way"}')

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setenv("SITE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(caller, "_PATIENCE", -1.0)
        assert console("release", "magento", "--env", "production") == code


def test_a_console_that_is_upgraded_is_waited_for(
    console: Any, releaser: Operator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on meanwhile: a build that ended here would tell of a release what is not so."""
    run = scenery.run(scenery.plan(releaser), releaser)
    Run.objects.filter(pk=run.pk).update(state="succeeded", said="Done.", ended=timezone.now())
    asked, away = Caller._ask, iter([True, True, False, True, False, False])
    monkeypatch.setattr(jobs, "_PAUSE", 0.0)

    def is_away(self: Caller, *words: Any) -> Any:
        if next(away):
            raise Unreachable("nobody listens")
        return asked(self, *words)

    monkeypatch.setattr(Caller, "_ask", is_away)
    assert jobs._follow(Caller(), run.number) == 0
    assert next(away, None) is False
    monkeypatch.setattr(jobs, "_PATIENCE", -1.0)
    away = iter([True])
    with pytest.raises(Unreachable):
        jobs._follow(Caller(), run.number)


@pytest.mark.parametrize("kind, code", [("text/html", 4), ("application/problem+json", 2)])
def test_a_proxy_that_answers_in_the_consoles_place_has_refused_nothing(
    console: Any, monkeypatch: pytest.MonkeyPatch, kind: str, code: int
) -> None:
    """The console's own 502 is a refusal in words: Bitbucket did not answer, say."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(502)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setenv("SITE_URL", f"http://127.0.0.1:{server.server_port}")
        assert console("alarms") == code


def test_whom_the_console_does_not_let_into_the_vpn_gets_its_words(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--person", "Jane", "--reason", "shift", "--expires", "2027-01-31")
    assert console("vpn", "add", "../jane", *words) == 2
    assert capsys.readouterr().err
    assert not Run.objects.exists()


def test_the_last_day_of_a_vpn_user_is_sent_with_its_zone() -> None:
    end = datetime.fromisoformat(jobs._end_of("2027-01-31"))
    assert (end.date(), end.hour, end.minute) == (date(2027, 1, 31), 23, 59)
    assert end.tzinfo is not None
    assert jobs._end_of("tomorrow") == "tomorrow"
