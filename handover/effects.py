"""What the cards of the estate change in AWS: a snapshot, an invalidation, a host that is started or rebooted. Each has its proof."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from handover.operations import BOOTED
from remote.aws import delivery, disks, network
from remote.errors import NotFound, Refused, RemoteError
from runs.doors import runner
from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Running
from runs.plan import Act

CLOCKS = timedelta(seconds=5)  # a host's clock and ours may differ by so much
LONGEST_BOOT = timedelta(minutes=10)
LATE = timedelta(seconds=30)  # a call without an answer can arrive no later: its own deadline is shorter


class TakeSnapshot:
    """Params: volume. The effect's reference stands in the snapshot's tags."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        snapshot = disks.take_snapshot(act.params["volume"], key=context.reference)
        context.out("AWS").line(f"{snapshot} of {act.params['volume']} is begun")
        return {"snapshot": snapshot}

    def probe(self, act: Act, context: Context) -> Finding:
        found = disks.snapshot_of(context.reference)
        if found is None:
            return _not_there("no snapshot has this run's tag", context, answered="snapshot")
        snapshot, state, progress = found
        if state == "completed":
            return Done(f"{snapshot} is complete", {"snapshot": snapshot})
        if state == "error":
            return Failed(f"{snapshot} ended in an error. Look at it in EC2, then make another one.", {"snapshot": snapshot})
        return Running(f"{snapshot} is at {progress or 'its beginning'}", {"snapshot": snapshot}, ask_again=5)

    def cancel(self, act: Act, context: Context) -> str:
        return "a snapshot that is begun goes on; it can be deleted in EC2"


class Invalidate:
    """Params: distribution, paths. The effect's reference is CloudFront's, too: the same again is the same invalidation."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        made = delivery.invalidate(act.params["distribution"], list(act.params["paths"]), key=context.reference)
        context.out("AWS").line(f"invalidation {made} of {', '.join(act.params['paths'])} is begun")
        return {"invalidation": made}

    def probe(self, act: Act, context: Context) -> Finding:
        made = context.answer.get("invalidation")
        if not made:
            return NotDone("no answer yet; the same reference begins the same invalidation, never a second one")
        try:
            status = delivery.invalidation_status(act.params["distribution"], str(made))
        except NotFound as gone:
            return Failed(gone.told)
        if status == "Completed":
            return Done(f"{', '.join(act.params['paths'])} come anew from the shop")
        return Running(f"invalidation {made} is {status}", ask_again=3)

    def cancel(self, act: Act, context: Context) -> str:
        return "an invalidation cannot be stopped; it harms nothing"


class StartHost:
    """Params: instance. Starting one that runs changes nothing."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        network.start(act.params["instance"])
        context.out("AWS").line(f"{act.params['instance']}: start accepted")
        return {"accepted": timezone.now().isoformat()}

    def probe(self, act: Act, context: Context) -> Finding:
        state = network.state_of(act.params["instance"])
        if state == "running":
            return Done(f"{act.target} runs")
        if state in ("pending", "stopping"):
            return Running(f"{act.target} is {state}", ask_again=3)
        if state == "stopped":
            return _not_there(f"{act.target} is stopped", context)
        return Failed(f"{act.target} is {state}: it cannot be started any more")

    def cancel(self, act: Act, context: Context) -> str:
        return "the host goes on starting; it can be stopped in EC2"


class RebootHost:
    """Params: instance, ip. EC2 says “running” before, meanwhile and afterwards: the host's own kernel says when it has started.

    It is never NotDone: that would have it done again, and a host that boots late would boot twice.
    """

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        network.reboot(act.params["instance"])
        context.out("AWS").line(f"{act.params['instance']}: reboot accepted")
        return {"accepted": timezone.now().isoformat()}

    def probe(self, act: Act, context: Context) -> Finding:
        try:
            booted = booted_at(act.params["ip"])
        except Refused as error:
            return CannotTell(error.told)
        except RemoteError as error:
            if timezone.now() - context.asked_at > LONGEST_BOOT:
                return CannotTell(f"{act.target} has not answered since: {error}")
            return Running(f"{act.target} does not answer: it is booting", ask_again=3)
        if booted >= context.asked_at - CLOCKS:
            return Done(f"{act.target} has booted at {booted:%H:%M:%S} UTC")
        said = f"{act.target} runs since {booted:%Y-%m-%d %H:%M} UTC"
        if timezone.now() - context.asked_at < LONGEST_BOOT:
            return Running(f"{said}; EC2 gives it four minutes to end by itself", ask_again=5)
        told = f"AWS accepted it at {context.asked_at:%H:%M:%S} UTC" if context.answer.get("accepted") else "AWS's answer to it was lost"
        return CannotTell(f"{said}, and {told}: look at it in AWS's own console.")

    def cancel(self, act: Act, context: Context) -> str:
        return "the host goes on booting"


def booted_at(ip: str) -> datetime:
    """By the host's clock. Raises RemoteError."""
    found = runner().probe(ip, BOOTED)
    words = found.text.split()
    if found.rc != 0 or len(words) < 2 or not words[1].isdigit():
        raise Refused(f"{ip} does not say when it booted", "Look at /proc/stat there.")
    return datetime.fromtimestamp(int(words[1]), UTC)


def _not_there(said: str, context: Context, *, answered: str = "accepted") -> Finding:
    """`answered`: what stands in the answer where AWS gave one; the engine's own words stand there always."""
    if timezone.now() - context.asked_at < LATE:
        return Running(f"{said} yet; asking again", ask_again=2, certain=bool(context.answer.get(answered)))
    if context.answer.get(answered):
        return CannotTell(f"{said}, though AWS accepted it at {context.asked_at:%H:%M:%S} UTC: look at it in AWS's own console.")
    return NotDone(f"{said}, and the request can no longer arrive")
