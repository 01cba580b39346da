"""The rolling deployment of one Beanstalk environment.

The probe's question: is the deployment that we asked for under way, over, or not there? Answered from what Beanstalk says now (one poll for
all who ask) and from nothing else. Nothing hangs on an event's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from deployments import evidence
from deployments.effects.hosts import AWS_CLOCK, has_arrived
from estate import observe
from estate.definition import Target
from estate.models import BeanstalkEnvironment, BeanstalkEvent, Host
from estate.reading import current
from remote.aws import beanstalk
from remote.errors import Busy, Refused
from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Running
from runs.plan import Act

LATE_ANSWER = timedelta(seconds=20)  # longer than twice the deadline of a call: a request that was going to arrive has arrived
SETTLING = timedelta(seconds=20)  # agents report every ten seconds
FRESH = 2.0  # seconds
STALE = timedelta(seconds=6)  # older than this, it is not what Beanstalk says now: AWS may want a pause, or the database may be an old one


class UpdateEnvironment:
    """Params: service, environment, beanstalk, label; closed, where no visitor is served meanwhile: its end is looked for sooner."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        name, label = act.params["beanstalk"], act.params["label"]
        try:
            beanstalk.update(name, label, _mark(context))
        except Busy as busy:
            if not _arrived_late(act, context):
                raise Refused(
                    f"Somebody else is deploying to {name}. {busy} {last_words(name)}", "Wait until it is Ready, then make a new plan."
                ) from busy
            context.out("Beanstalk").line(f"{name}: update to {label} is under way: an earlier request of this run had arrived after all")
        else:
            context.out("Beanstalk").line(f"{name}: update to {label} accepted")
        return {"accepted": timezone.now().isoformat()}

    def probe(self, act: Act, context: Context) -> Finding:
        target = current().target(act.params["service"], act.params["environment"])
        found = self._look(act, target, context)
        said = tell_events(act.params["beanstalk"], context)
        if act.params.get("closed") and (said.get("event", 0) != context.answer.get("event", 0) or "ready" in context.answer):
            observe.look_now(target, act.params["beanstalk"])
            found = self._now(act, context)
        if found is None:
            return unheard(said)
        ours = self._began(act, context, found)
        label = act.params["label"]
        if found.status in ("Updating", "Aborting") and ours:
            # Kept: after a failed update Beanstalk shows the old label again, and nothing would tell that it was ours.
            return Running(self._progress(act, context), said | {"ours": True}, ask_again=1)
        if found.status != "Ready":
            return Running(f"{found.name} is {found.status}", said, ask_again=2, certain=ours)
        if not ours:
            return self._nothing_began(context, said, found)
        as_asked = found.version == label
        if not as_asked and not context.answer.get("ours") and timezone.now() - requested(context) < LATE_ANSWER:
            # Accepted, but never seen under way. Who looked last may have a clock that is ahead of ours: then its look is from before the
            # request, whatever its time says, and the version before is no failure.
            return Running("Beanstalk says nothing of the update yet", said, ask_again=1)
        return self._judge_hosts(act, context, said, as_asked=as_asked)

    def cancel(self, act: Act, context: Context) -> str:
        name = act.params["beanstalk"]
        try:
            beanstalk.abort(name)
        except Refused as refused:
            if beanstalk.environment(name).status != "Aborting":  # it is asked once more where somebody presses once more
                return f"{name}: Beanstalk refused to abort: {refused}"
        return f"{name}: abort asked for. The running batch ends its commands first; hosts keep what they have by then: mixed versions."

    def _look(self, act: Act, target: Target, context: Context) -> BeanstalkEnvironment | None:
        """What Beanstalk says now, asked after the request; None until it has."""
        observe.refresh(target, max_age=FRESH)
        return self._now(act, context)

    def _now(self, act: Act, context: Context) -> BeanstalkEnvironment | None:
        return heard(act.params["beanstalk"], since=requested(context))

    def _began(self, act: Act, context: Context, found: BeanstalkEnvironment) -> bool:
        """Our update was accepted: the call came back, or the environment or one of its hosts has taken our label since the intent.

        Not told by events: those of an update do not name the version.
        """
        if context.answer.get("accepted") or context.answer.get("ours"):
            return True
        label = act.params["label"]
        since = _since(context)
        if found.version == label and found.updated is not None and found.updated >= since:
            return True
        return Host.objects.filter(beanstalk=found.name, gone=None, version=label, deployed__gte=since).exists()

    def _nothing_began(self, context: Context, said: Mapping[str, Any], found: BeanstalkEnvironment) -> Finding:
        if min(found.seen, timezone.now()) - context.asked_at < LATE_ANSWER:  # `seen` may be by a clock that is ahead of ours
            return Running("no answer to the request yet; asking again", said, ask_again=2, certain=False)
        if found.updated is not None and found.updated >= context.intent_at:
            return CannotTell(f"{found.name} was changed since the request, by this run or by somebody else: its events say by whom.")
        if beanstalk.environment(found.name).description == _mark(context):  # the console's clock may have been moved since the plan
            return CannotTell(f"The request did arrive, for {found.name} is described by it; by AWS's clock it was changed before that.")
        return NotDone("Beanstalk is Ready, was not changed since the request, and the request can no longer arrive")

    def _progress(self, act: Act, context: Context) -> str:
        hosts = Host.objects.filter(beanstalk=act.params["beanstalk"], gone=None)
        done = sum(has_arrived(host, act.params["label"], since=context.intent_at) for host in hosts)
        return f"{done} of {len(hosts)} hosts done"

    def _judge_hosts(self, act: Act, context: Context, said: Mapping[str, Any], *, as_asked: bool) -> Finding:
        """Beanstalk has called a deployment successful that one instance never saw (aws.md 1.5): every host's own word counts."""
        since = datetime.fromisoformat(context.answer["ready"]) if "ready" in context.answer else timezone.now()
        said = {**said, "ready": since.isoformat()}
        hosts = list(Host.objects.filter(beanstalk=act.params["beanstalk"], gone=None))
        label = act.params["label"]
        others = [host for host in hosts if not has_arrived(host, label, since=context.intent_at)]
        if hosts and not others and as_asked:
            return Done(f"{len(hosts)} of {len(hosts)} hosts on {label}", said)
        waited = timezone.now() - since
        if waited < SETTLING and any(host.seen <= since for host in hosts):
            return Running("Beanstalk is Ready; waiting for the hosts' own word", said, ask_again=1)
        if not as_asked or any(host.deployment_status == "Failed" for host in others):
            return self._fail(act, context, said)
        if waited < SETTLING:
            return Running("Beanstalk is Ready; waiting for the hosts' own word", said, ask_again=1)
        names = ", ".join(f"{host.name} ({host.version}, {host.deployment_status})" for host in others)
        return Failed(f"Beanstalk says success, but not on {names}", said)

    def _fail(self, act: Act, context: Context, said: Mapping[str, Any]) -> Finding:
        if context.cancelled():
            return Failed(
                f"{act.params['beanstalk']}: aborted. Hosts that were done keep {act.params['label']}, the others the version before.", said
            )
        failed = list(Host.objects.filter(beanstalk=act.params["beanstalk"], gone=None, deployment_status="Failed"))
        failed = failed or _named_in_events(act.params["beanstalk"], context)
        for host in failed:
            evidence.take(context.run, host, context.out)
        if failed:
            where = ", ".join(f"{host.name} ({host.instance_id}, {host.private_ip})" for host in failed)
            said_of_it = _complaint(act.params["beanstalk"], context, failed[0].pk)
            return Failed(f"The deployment failed on {where}. {said_of_it}", {**said, "failed": [host.pk for host in failed]})
        return Failed(f"Beanstalk ended the deployment without success. {last_words(act.params['beanstalk'])}", said)


def _arrived_late(act: Act, context: Context) -> bool:
    """Whether what is under way is ours: a request without an answer may arrive later than any that was thought of. Beanstalk is asked."""
    found = beanstalk.environment(act.params["beanstalk"])
    since = _since(context)
    return found.status != "Ready" and found.version == act.params["label"] and found.updated is not None and found.updated >= since


def _mark(context: Context) -> str:
    """What Beanstalk describes the environment by once this attempt's request has arrived: that needs no clock to be compared."""
    return f"Ops Console, run {context.run}, {context.intent_at.astimezone(UTC):%d %b %Y %H:%M:%S} UTC"


def heard(name: str, *, since: datetime) -> BeanstalkEnvironment | None:
    """What Beanstalk says now, and said after that time; else None."""
    found = BeanstalkEnvironment.objects.get(pk=name)
    return found if found.seen > max(since, timezone.now() - STALE) else None


def _since(context: Context) -> datetime:
    """A later attempt begins seconds after the one that failed: what that left behind is not this one's."""
    return context.intent_at - AWS_CLOCK if context.attempt == 1 else context.intent_at


def requested(context: Context) -> datetime:
    """By our own clock: when the call came back, else when it was about to be made. An attempt may begin long after its intent."""
    accepted = context.answer.get("accepted")
    return max(context.asked_at, datetime.fromisoformat(accepted)) if accepted else context.asked_at


def unheard(said: Mapping[str, Any]) -> Running:
    """Beanstalk has not been heard since the request, or not for a while: nobody knows what becomes of it."""
    return Running("waiting for Beanstalk's answer", said, ask_again=1, certain=False)


def tell_events(name: str, context: Context) -> dict[str, Any]:
    """Writes the events that are new since the last look into the run's log; the last one's row is the place to go on from."""
    last = int(context.answer.get("event", 0))
    events = BeanstalkEvent.objects.filter(environment=name, pk__gt=last, time__gte=context.intent_at - AWS_CLOCK).order_by("pk")
    out = context.out("Beanstalk")
    for event in events:
        mark = "" if event.severity in ("INFO", "DEBUG", "TRACE") else f"{event.severity} "
        out.line(f"{event.time:%H:%M:%S}Z {mark}{event.message.strip()}")
        last = event.pk
    return {"event": last} if last else {}


def last_words(name: str) -> str:
    """The last thing that Beanstalk complained about, for a person; no decision hangs on it."""
    last = BeanstalkEvent.objects.filter(environment=name).order_by("-time", "-pk")
    bad = last.filter(severity__in=("ERROR", "FATAL")).exclude(message__startswith="During an aborted deployment").first() or last.first()
    return f"Beanstalk says: “{bad.message.strip()}”" if bad else ""


def _complaint(name: str, context: Context, instance_id: str) -> str:
    """What Beanstalk says of that instance, cut to what one reads at a glance."""
    since = context.intent_at - AWS_CLOCK
    named = BeanstalkEvent.objects.filter(environment=name, time__gte=since, severity__in=("ERROR", "WARN"), message__contains=instance_id)
    event = named.order_by("pk").first()
    if event is None:
        return last_words(name)
    last = event.message.strip().splitlines()[-1]
    return f"Beanstalk says: “{last[:300]}”"


def _named_in_events(name: str, context: Context) -> list[Host]:
    """Where the health report names nobody: the hosts that the errors since the intent name."""
    since = context.intent_at - AWS_CLOCK
    errors = BeanstalkEvent.objects.filter(environment=name, time__gte=since, severity__in=("ERROR", "WARN"))
    text = " ".join(event.message for event in errors)
    return [host for host in Host.objects.filter(beanstalk=name, gone=None) if host.instance_id in text]
