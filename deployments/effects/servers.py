"""What Beanstalk does to a whole environment besides deploying: restarting its application servers, fetching its logs."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import timedelta
from typing import Any

from django.utils import timezone

from deployments.effects.beanstalk import FRESH, LATE_ANSWER, heard, requested, tell_events, unheard
from deployments.effects.hosts import AWS_CLOCK
from deployments.models import Evidence
from estate import observe
from estate.reading import current
from remote.aws import beanstalk
from remote.errors import Busy, Refused
from remote.http import fetch
from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Running
from runs.plan import Act
from runs.redact import redact

TAIL = "the last lines of its logs, by Beanstalk"
_MIB = 1024 * 1024
_DOWNLOAD_SECONDS = 8.0


class RestartServers:
    """Params: service, environment, beanstalk. Done when the environment is Ready again after it."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        name = act.params["beanstalk"]
        try:
            beanstalk.restart(name)
        except Busy as busy:
            raise Refused(f"Somebody else is changing {name}. {busy}", "Wait until it is Ready, then make a new plan.") from busy
        context.out("Beanstalk").line(f"{name}: restart accepted")
        return {"accepted": timezone.now().isoformat()}

    def probe(self, act: Act, context: Context) -> Finding:
        observe.refresh(current().target(act.params["service"], act.params["environment"]), max_age=FRESH)
        found = heard(act.params["beanstalk"], since=context.asked_at)
        said = tell_events(act.params["beanstalk"], context)
        if found is None:
            return unheard(said)
        touched = found.updated is not None and found.updated >= context.intent_at - AWS_CLOCK
        if found.status != "Ready":
            return Running(f"{found.name} is {found.status}", said, ask_again=1, certain=touched)
        if context.answer.get("accepted"):
            if found.seen > requested(context) and found.updated is not None and found.updated >= context.asked_at - AWS_CLOCK:
                return Done(f"{found.name}: restarted, and Ready again", said)
            return Running("accepted; waiting for Beanstalk to begin", said, ask_again=1, certain=False)
        if min(found.seen, timezone.now()) - context.asked_at < LATE_ANSWER:
            return Running("no answer to the request yet; asking again", said, ask_again=2, certain=False)
        if touched:
            return CannotTell(f"{found.name} was changed since the request, by this run or by somebody else: its events say by whom.")
        return NotDone("Beanstalk is Ready, was not changed since the request, and the request can no longer arrive")

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.params['beanstalk']}: a restart cannot be stopped; it ends within seconds"


class FetchLogs:
    """Params: beanstalk, hosts (instance id → name and address). Done when each host's lines, pulled after the intent, are kept."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        beanstalk.request_logs(act.params["beanstalk"])
        context.out("Beanstalk").line(f"{act.params['beanstalk']}: logs asked for")
        return {"accepted": timezone.now().isoformat()}

    def probe(self, act: Act, context: Context) -> Finding:
        hosts: Mapping[str, Mapping[str, str]] = act.params["hosts"]
        samples = beanstalk.retrieve_logs(act.params["beanstalk"])
        fresh = [log for log in samples if log.instance_id in hosts and log.at >= context.intent_at - AWS_CLOCK]
        for log in fresh:
            self._keep(log, hosts[log.instance_id], context)
        if len(fresh) == len(hosts):
            return Done(f"{act.params['beanstalk']}: the logs of {len(fresh)} of {len(hosts)} hosts")
        return _missing({log.instance_id for log in fresh}, hosts, context, within=timedelta(minutes=1))

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.params['beanstalk']}: what was pulled lies in Beanstalk's bucket for fifteen minutes"

    def _keep(self, log: beanstalk.InstanceLog, host: Mapping[str, str], context: Context) -> None:
        """Once for each host of a run: an address is good for minutes, the text is wanted tomorrow."""
        place: dict[str, Any] = {"run_id": context.run, "instance_id": log.instance_id, "path": TAIL}
        if Evidence.objects.filter(**place).exists():
            return
        answer = fetch(log.url, deadline=_DOWNLOAD_SECONDS, limit=_MIB)
        if answer.status != 200:
            raise Refused(
                f"The logs of {host['name']} cannot be read: S3 answers {answer.status}", "Plan it again: their address may be old."
            )
        facts = {"host": host["name"], "private_ip": host["ip"], "text": redact(answer.text), "first_line": 1, "taken": log.at}
        Evidence.objects.update_or_create(**place, defaults=facts)
        context.out(host["name"]).line(f"{len(answer.text.splitlines())} lines of its logs are kept")


class FetchBundles:
    """All logs of each host as a zip, which Beanstalk keeps for fifteen minutes; they are handed on from there and not kept here.

    Params: beanstalk, hosts (instance id → name and address).
    """

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        beanstalk.request_logs(act.params["beanstalk"], "bundle")
        context.out("Beanstalk").line(f"{act.params['beanstalk']}: all logs asked for")
        return {"accepted": timezone.now().isoformat()}

    def probe(self, act: Act, context: Context) -> Finding:
        hosts: Mapping[str, Mapping[str, str]] = act.params["hosts"]
        samples = beanstalk.retrieve_logs(act.params["beanstalk"], "bundle")
        fresh = {
            log.instance_id: log.at.isoformat() for log in samples if log.instance_id in hosts and log.at >= context.intent_at - AWS_CLOCK
        }
        if len(fresh) == len(hosts):
            return Done(f"{act.params['beanstalk']}: all logs of {len(fresh)} of {len(hosts)} hosts", {"bundles": fresh})
        return _missing(set(fresh), hosts, context, {"bundles": fresh}, within=timedelta(minutes=2))

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.params['beanstalk']}: what was pulled lies in Beanstalk's bucket for fifteen minutes"


def _missing(
    sent: Set[str], hosts: Mapping[str, Mapping[str, str]], context: Context, answer: Mapping[str, Any] | None = None, *, within: timedelta
) -> Finding:
    """Not every host has sent its logs. Asking twice harms nobody: a request whose answer was lost is made again soon.

    Its time counts from the answer to the request: whoever takes the run over makes it long after the intent.
    """
    waited = timezone.now() - requested(context)
    if not sent and not context.answer.get("accepted") and waited >= LATE_ANSWER:
        return NotDone("no host has sent anything, and the request was not answered")
    if waited < within:
        return Running(f"{len(sent)} of {len(hosts)} hosts have sent theirs", answer or {}, ask_again=1)
    missing = ", ".join(host["name"] for instance, host in hosts.items() if instance not in sent)
    return Failed(f"{missing} sent no logs within {within.total_seconds() / 60:.0f} min", answer or {})
