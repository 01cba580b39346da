"""The bridge to Rundeck: its jobs stay where they are until the team has moved over, and are shown, run and followed here meanwhile.

A job is run as everything is: by a plan, as a run with one effect and its probe. Definitions and history are read only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from deployments.effects.beanstalk import LATE_ANSWER
from deployments.effects.hosts import AWS_CLOCK as CLOCKS
from estate.definition import Rundeck
from estate.reading import current
from estate.validators import job_arguments
from people.models import Operator
from people.permissions import require
from remote.errors import Refused
from remote.rundeck import Execution, Job, Server
from runs import actions as runs
from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Running
from runs.models import Effect, Run
from runs.panels import Panel, Place
from runs.plan import Act, Plan, Step

KIND = "rundeck"
SECONDS = 60.0  # believed, until a job has been seen
_PIECE = 20  # reads of output in one look


class NoRundeck(runs.Refusal):
    """estate.yaml names none."""


class Unconfirmed(runs.Refusal):
    """The environment's name was not typed."""


def rundeck() -> Rundeck:
    """Raises NoRundeck."""
    found = current().rundeck
    if found is None:
        raise NoRundeck("estate.yaml names no Rundeck.")
    return found


def jobs() -> list[Job]:
    """Raises NoRundeck, RemoteError."""
    its = rundeck()
    return Server(its.url).jobs(its.project)


def job_named(id: str) -> Job:
    """One of the project's jobs: an id of another project is not found here. Raises NoRundeck, RemoteError."""
    found = next((job for job in jobs() if job.id == id), None)
    if found is None:
        raise Refused(f"There is no such job in Rundeck's project {rundeck().project}", "Choose one of the list.")
    return found


def run_job(id: str, *, arguments: str, confirmation: str, idempotency_key: str, reason: str = "", by: Operator) -> Run:
    """Raises Forbidden, NoRundeck, Unconfirmed, ValidationError, RemoteError, and what `start_run` raises (LockHeld, KeyReused)."""
    its = rundeck()
    require(by, KIND, its.environment.key)
    before = runs.begun_before(idempotency_key, kind=KIND, service=KIND, environment=its.environment.key)
    if before is not None:
        return before
    if its.environment.confirm and confirmation.strip() != its.environment.key:
        raise Unconfirmed(f"Type “{its.environment.key}” to confirm.")
    made = runs.save_plan(plan(its, job_named(id), job_arguments(arguments)), by=by)
    return runs.start_run(made, hash=made.hash, idempotency_key=idempotency_key, reason=reason, by=by)


def plan(its: Rundeck, job: Job, arguments: str) -> Plan:
    params = {"url": its.url, "job": job.id, "user": its.user, "arguments": arguments}
    act = Act(
        "rundeck.run", "job", "Rundeck", params=params, words=f"run the job “{job.name}” of {its.project}: {arguments or 'no arguments'}"
    )
    steps = (Step("job", f"Run the job {job.name} in Rundeck", (act,), _NOTE, "Rundeck", SECONDS),)
    facts = {"job": job.name, "group": job.group, "link": job.link, "arguments": arguments}
    return Plan(KIND, f"Run Rundeck's “{job.name}”", KIND, its.environment.key, its.lock_group, steps, facts)


class RunJob:
    """Params: url, job, user, arguments."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        started = _server(act).run(act.params["job"], act.params["arguments"])
        context.out("Rundeck").line(f"execution {started.id}: {started.link}")
        return {"execution": started.id, "link": started.link}

    def probe(self, act: Act, context: Context) -> Finding:
        """Follows its output; where Rundeck's answer to the start was lost, looks which execution is ours first."""
        number = context.answer.get("execution")
        known: dict[str, Any] = {}
        if number is None:
            found = self._lost(act, context)
            if not isinstance(found, Execution):
                return found
            number, known = found.id, {"execution": found.id, "link": found.link}
        execution = _server(act).execution(int(number))
        whole = self._tell(act, context, execution)
        if not execution.is_over or not whole:
            return Running(f"execution {execution.id} is {execution.status}", known, ask_again=1)
        told = known | {"status": execution.status}
        if execution.status == "succeeded":
            return Done(f"execution {execution.id} succeeded", told)
        return Failed(f"Rundeck's execution {execution.id} ({execution.link}) ended as {execution.status}: its output says why.", told)

    def cancel(self, act: Act, context: Context) -> str:
        number = context.answer.get("execution")
        if number is None:
            return "Rundeck: it is not known which execution it is; look there."
        return f"Rundeck: asked to abort execution {number}, says “{_server(act).abort(int(number))}”. What it did on its nodes stays."

    def _lost(self, act: Act, context: Context) -> Execution | Finding:
        """Of this job, by our user, since the intent, and of no other run of ours."""
        others = Effect.objects.filter(kind="rundeck.run").exclude(run_id=context.run).values_list("answer__execution", flat=True)
        taken = {int(each) for each in others if each is not None}
        recent = [each for each in _server(act).executions(act.params["job"]) if _since(each, context.intent_at - CLOCKS)]
        mine = [each for each in recent if each.user == act.params["user"] and each.id not in taken]
        if len(mine) == 1:
            return mine[0]
        if mine:
            return CannotTell(
                f"Rundeck has {len(mine)} executions of it since then by {act.params['user']}: {', '.join(str(each.id) for each in mine)}"
            )
        if timezone.now() - context.asked_at < LATE_ANSWER + timedelta(seconds=CLOCKS.total_seconds()):
            return Running("no answer from Rundeck yet; asking again", ask_again=2, certain=False)
        return NotDone("Rundeck has no execution of it since then, and the request can no longer arrive")

    def _tell(self, act: Act, context: Context, execution: Execution) -> bool:
        """Its output from where the log stands. True when all of it has been read."""
        out, offset = context.out(act.target), int(context.answer.get("offset", 0))
        for _ in range(_PIECE):
            found = _server(act).output(execution.id, offset)
            text = "".join(f"[{node}] {line}\n" if node else f"{line}\n" for node, line in found.lines)
            out.write(text.encode(), offset=found.offset)
            if found.whole or found.offset <= offset:
                return found.whole
            offset = found.offset
        return False


def of_rundeck(run: Run, at: datetime, viewer: object) -> Sequence[Panel]:
    facts = run.plan.document["facts"]
    number = Effect.objects.filter(run=run, kind="rundeck.run").values_list("answer__execution", flat=True).last()
    return (Panel(Place.SUB, "deployments/_rundeck_sub.html", {"facts": facts, "execution": number}),)


def _server(act: Act) -> Server:
    return Server(act.params["url"])


def _since(execution: Execution, moment: datetime) -> bool:
    return execution.started is not None and execution.started >= moment


_NOTE = "Rundeck does it, with its own keys, on its own nodes; its output comes here line by line."
