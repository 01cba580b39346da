"""A plan as a shell script: the same plan, the same text; bash reads it; what is done is not in it; and it really runs."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from deployments import plans
from deployments.script import script_of, ssh
from deployments.steps import Shipment
from deployments.strategies import curtain, steps
from people.models import Operator
from remote.aws import balancer
from runs import plan
from runs.models import Effect, Run, Step
from tests import scenery


def document() -> dict[str, Any]:
    shipment = Shipment(scenery.NEW, "bucket", "ops-console/x.zip", "0" * 64, "a" * 40, "5" * 40, "prod")
    hosts = scenery.planned_hosts()
    drawn = plans.magento_as_written(scenery.target(), hosts, shipment, code_branch="master", close_back_office=False, release="r418")
    return plans.with_facts(drawn, drawn.steps, scenery.facts()).to_json()


def small(*acts: dict[str, Any], **step: Any) -> dict[str, Any]:
    shape = {"argv": [], "words": "", "params": {}, "target": "fe-1"}
    return {
        "title": "Flush the caches",
        "facts": {},
        "steps": [
            {"key": "flush", "title": "Flush the cache", "note": "", "where": "fe-1, fe-2", **step, "acts": [shape | act for act in acts]}
        ],
    }


FLUSH = [
    {"key": f"flush:fe-{n}", "kind": "host.command", "target": f"fe-{n}", "argv": ["php", "it's"], "params": {"ip": f"10.0.0.{n}"}}
    for n in (1, 2)
]
HEAD = """\
#!/usr/bin/env bash
# Flush the caches: written by Ops Console from a plan.
# Read it before you run it. It stops at the first command that fails, and asks before each step.
# Needed here: bash, ssh that reaches the hosts by their addresses, git, and aws with credentials and a region.
# Where SSH_CONFIG names an ssh_config, such as the console's own, it is that which ssh and git go by.
set -eu -o pipefail
if [ -n "${SSH_CONFIG-}" ]; then
  ssh() { command ssh -F "$SSH_CONFIG" "$@"; }
  GIT_SSH_COMMAND="ssh -F $(printf %q "$SSH_CONFIG")"; export GIT_SSH_COMMAND
fi

say() { printf '\\n== %s\\n' "$1"; }
stop() { printf 'Stopped: %s\\n' "$1" >&2; exit 1; }
step() { say "$1"; printf 'Enter begins it, Ctrl-C ends here. '; read -r _; }
by_hand() { printf 'No command does this: %s\\nType done when it is: ' "$1"; read -r it; test "$it" = done || stop "$1"; }

"""


def bash(text: str, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/bash", *options, "-c", text], check=False, capture_output=True, text=True, timeout=20, **more)


def test_it_is_written_word_for_word() -> None:
    body = """\
# 1. Flush the cache
#   on: fe-1, fe-2
step '1. Flush the cache'
#   fe-1
ssh -n 10.0.0.1 -- 'php '"'"'it'"'"'"'"'"'"'"'"'s'"'"''
#   fe-2
ssh -n 10.0.0.2 -- 'php '"'"'it'"'"'"'"'"'"'"'"'s'"'"''

say 'The end: Flush the caches'
"""
    assert script_of(small(*FLUSH)) == HEAD + body


def test_what_is_proven_done_is_left_out() -> None:
    text = script_of(small(*FLUSH), states={"flush": "failed"}, done={"flush:fe-1"})
    assert "10.0.0.1" not in text
    assert "ssh -n 10.0.0.2" in text
    assert "# The console left it as “failed”: look whether it has happened" in text.replace("#   ", "# ")
    over = script_of(small(*FLUSH), states={"flush": "by_hand"})
    assert "ssh -n" not in over
    assert "# 1. Flush the cache: by hand, left out" in over


def test_bash_reads_the_script_of_a_whole_release() -> None:
    text = script_of(document())
    assert bash(text, "-n").stderr == ""
    for words in ("maintenance:enable", "update-environment", "sha256sum -c", "maintenance:disable", "grep -Eq", "cache:flush"):
        assert words in text
    commands = [line for line in text.splitlines() if line.startswith("ssh ")]
    assert all(line.startswith("ssh -n 10.0.") for line in commands)


def test_a_title_cannot_become_a_command() -> None:
    text = script_of(small(title="x'; touch pwned\nrm -rf y", where="here\ntouch pwned", note="a\nb"))
    assert bash(text, "-n").stderr == ""
    assert not [line for line in text.splitlines() if line.startswith(("touch", "rm")) or line == "b"]


@pytest.mark.parametrize(("words", "code"), [("Successful: 6 files", 0), ("Deploy (status: 1) failed", 1)])
def test_it_runs_and_stops_where_the_output_says_failure(tmp_path: Path, words: str, code: int) -> None:
    """With an `ssh` that runs the line here, as the far shell would."""
    fake = tmp_path / "ssh"
    fake.write_text('#!/bin/bash\n[ "$1 $3" = "-n --" ] || exit 9\nexec /bin/bash -c "$4"\n')
    fake.chmod(0o755)
    act = {
        "key": "statics",
        "kind": "host.command",
        "argv": ["echo", words],
        "params": {"ip": "10.0.0.1", "fatal": r"\(status: [1-9]", "files": ["/"]},
    }
    done = bash(script_of(small(act)), input="\n", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == code, done.stderr
    assert words in done.stdout
    assert ("The end" in done.stdout) == (code == 0)


def test_ssh_and_git_go_by_the_file_that_is_named(tmp_path: Path) -> None:
    fake = tmp_path / "ssh"
    fake.write_text('#!/bin/sh\necho "$@" >>$OUT\nexit 255\n')
    fake.chmod(0o755)
    named = {"SSH_CONFIG": "/etc/the console's/config", "OUT": str(tmp_path / "out"), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    bash(script_of(small(FLUSH[0])), input="\n", env=named)
    heads = {"key": "heads", "kind": "git.heads", "argv": ["git", "ls-remote", "git@host:x.git"], "params": {"commit": "a", "branch": "b"}}
    bash(script_of(small(heads)), input="\n", env=named)
    said = (tmp_path / "out").read_text().splitlines()
    assert len(said) == 2
    assert all(line.startswith("-F /etc/the console's/config ") for line in said)
    assert "git-upload-pack" in said[1]


def test_two_shells_read_a_line_and_the_words_arrive_whole(tmp_path: Path) -> None:
    words = ["printf", "%s|", "a b", "it's", "$HOME", "`id`", "é\n", ""]
    line = ssh("10.0.0.1", words)
    told = bash(line.removeprefix("ssh -n 10.0.0.1 -- ").join(("bash -c ", "")))
    assert told.stdout == "a b|it's|$HOME|`id`|é\n||"


@pytest.mark.django_db
def test_the_rest_of_a_run_is_downloaded(client: Client, releaser: Operator, viewer: Operator) -> None:
    run = scenery.failed(releaser)
    step = run.steps.get(key="deploy-front")
    Effect.objects.create(run=run, step=step, act="reopen:fe-1", key="reopen:fe-1", kind="magento.reopen", state=Effect.State.DONE, epoch=1)
    client.force_login(viewer)
    answer = client.get(f"/runs/{run.number}/rest.sh")
    text = answer.content.decode()
    assert answer["Content-Type"].startswith("text/x-shellscript")
    assert answer["Content-Disposition"] == f'attachment; filename="run-{run.number}-rest.sh"'
    assert "3. Put the shop into maintenance mode: done, left out" in text
    assert "fe-1: reopen:fe-1 is proven done, left out" in text
    assert "update-environment --environment-name client-magento-prod --version-label" in text
    assert bash(text, "-n").stderr == ""
    assert "rest.sh" in client.get(f"/runs/{run.number}/").content.decode()


@pytest.mark.django_db
def test_the_same_is_had_without_the_pages(client: Client, releaser: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="no run yet"):
        call_command("script")
    run = scenery.failed(releaser)
    client.force_login(releaser)
    page = client.get(f"/runs/{run.number}/rest.sh").content.decode()
    for asked in ((), (str(run.number),)):
        call_command("script", *asked)
        assert capsys.readouterr().out == page
    with pytest.raises(CommandError, match="no run 4711"):
        call_command("script", "4711")


@pytest.mark.django_db
def test_what_a_worker_may_be_doing_is_not_begun_beside_it(client: Client, releaser: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    run = scenery.failed(releaser)
    client.force_login(releaser)
    for state in (Run.State.RUNNING, Run.State.FAILED):
        Run.objects.filter(pk=run.pk).update(state=state)
        call_command("script")
        said = capsys.readouterr().out
        assert said == client.get(f"/runs/{run.number}/rest.sh").content.decode()
        assert ("step 'See that every worker and scheduler of the console is stopped" in said) == (state == Run.State.RUNNING)
        assert bash(said, "-n").stderr == ""


def test_an_update_that_may_be_under_way_is_waited_for_and_not_begun_beside_itself(tmp_path: Path) -> None:
    """With an `aws` whose environment is updating at first, and is then on the version, or not."""
    script = """
        case "$*" in
            *describe-environments*Status*) if [ -e asked ]; then echo Ready; else touch asked; echo Updating; fi ;;
            *describe-environments*) cat version ;;
            *update-environment*) echo began >>did; echo r418 >version ;;
            *) echo 0 ;;
        esac"""
    for name, text in {"aws": script, "sleep": ""}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    argv = ["aws", "elasticbeanstalk", "update-environment", "--version-label", "r418"]
    params = {"beanstalk": "shop", "label": "r418"}
    act = {"key": "update", "kind": "beanstalk.update", "target": "shop", "argv": argv, "params": params}
    for there, began in (("r418", False), ("r417", True)):
        (tmp_path / "version").write_text(there)
        (tmp_path / "asked").unlink(missing_ok=True)
        text = script_of(small(act), states={"flush": "intent"})
        done = bash(text, input="\n", cwd=tmp_path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
        assert (done.returncode, (tmp_path / "did").exists()) == (0, began), done.stderr
    planned = script_of(small(act))
    assert planned.index("update-environment") < planned.index("until test")


def test_what_has_no_command_is_done_by_a_person_or_the_script_ends() -> None:
    act = {"key": "job", "kind": "rundeck.run", "words": "run the job “it's $(id)”"}
    for answer, code in (("done", 0), ("no", 1), ("", 1)):
        ended = bash(script_of(small(act)), input=f"\n{answer}\n")
        assert (ended.returncode, "run the job “it's $(id)”" in ended.stdout) == (code, True), ended.stderr
        assert ("The end" in ended.stdout) == (code == 0)
    kept = {"key": "keep", "kind": "build.keep", "words": "what was built is known again"}
    assert "by_hand what" not in script_of(small(kept))


@pytest.mark.timeout(300)  # some forty calls of a program that takes a second to begin
def test_the_curtain_is_drawn_and_opened_by_the_stock_command_line(sandbox: dict[str, str]) -> None:
    """One of its rules is the console's own already: it is left, and its pass is told to whoever looks behind the curtain."""
    target = scenery.target()
    listener, *_ = [each for found in balancer.load_balancers() for each in balancer.listeners(found.arn)]
    group = next(each.arn for each in balancer.target_groups())
    place = curtain.Place(((listener.arn, listener.port),), group, group)
    whose = curtain.name_of(target)
    balancer.add_rule(
        listener.arn,
        curtain.RULES["pass"],
        curtain.conditions("pass", "the-console-s"),
        curtain.action("pass", front=group, back=group),
        curtain.tags("pass", whose, 7),
    )

    def told(*drawn: plan.Step) -> str:
        text = script_of(plan.Plan("release", "By hand", "magento", "production", "g", drawn).to_json())
        there = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        ended = subprocess.run(
            ["/bin/bash", "-c", text],
            check=False,
            capture_output=True,
            text=True,
            timeout=280,
            input="\n\ndone\n",
            env=os.environ | {"PATH": there},
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    through = next(act for act in steps.smoke(target, (), place, "r418").acts if act.kind == "curtain.smoke")
    said = told(steps.close(target, place), plan.Step("smoke", "Try the shop", (through,)))
    assert f"{curtain.HEADER}: the-console-s" in said
    there = {told[curtain.NAME]: (rule.priority, told[curtain.RUN]) for rule, told in curtain.rules_on(listener.arn, whose)}
    assert there == {name: (priority, "7" if name == "pass" else "by hand") for name, priority in curtain.RULES.items()}
    assert [(each.run, each.since is not None) for each in curtain.drawn(target, [listener.arn])] == [(0, True)]

    told(steps.open_(target, place))
    assert not list(curtain.rules_on(listener.arn, whose))


@pytest.mark.django_db
def test_a_plan_is_downloaded(client: Client, releaser: Operator) -> None:
    made = scenery.plan(releaser)
    client.force_login(releaser)
    assert client.get(f"/plans/{made.pk}/plan.sh").content.decode() == script_of(made.document, origin=f"plan {made.hash[:7]}")
    assert "plan.sh" in client.get(f"/plans/{made.pk}/").content.decode()


@pytest.mark.django_db
def test_who_gets_no_script(client: Client, releaser: Operator, stranger: Operator) -> None:
    run = scenery.failed(releaser)
    for path in (f"/runs/{run.number}/rest.sh", f"/plans/{run.plan_id}/plan.sh"):
        client.logout()
        assert client.get(path).status_code == 302
        client.force_login(stranger)
        assert client.get(path).status_code == 403
        client.force_login(releaser)
        assert client.post(path).status_code == 405
    assert client.get("/runs/999/rest.sh").status_code == 404
    assert client.get(f"/plans/{uuid.uuid4()}/plan.sh").status_code == 404
    assert client.get("/plans/none/plan.sh").status_code == 404
    assert Run.objects.get().state == Run.State.FAILED
    assert Step.objects.filter(state=Step.State.FAILED).count() == 1
