"""Commands on hosts: started once by the runner, which keeps their output and exit code; attached to ever after."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from deployments import commands
from deployments.doors import runner
from estate.models import Host
from remote.errors import HostKeyRefused, RemoteError, Unreachable
from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Running
from runs.host_commands import Detached, key_of
from runs.models import Effect
from runs.plan import Act

AWS_CLOCK = timedelta(seconds=5)  # AWS's clock and ours may differ by so much
LOOK_SECONDS = 8.0  # a bounded look at a host; a dead mount hangs longer than that


class HostCommand(Detached):
    """Params: ip, instance_id; files (must exist afterwards), fatal (a pattern no line of the output may have)."""

    def accept(self, act: Act, context: Context) -> Finding:
        """Exit code 0 is not enough where the command is known to lie."""
        fatal = act.params.get("fatal")
        if fatal:
            log = b"".join(runner().follow(act.params["ip"], key_of(context), offset=0, seconds=0)).decode("utf-8", "replace")
            found = re.search(fatal, log)
            if found:
                return Failed(f"{act.target}: exit code 0, but the output says “{found[0]}”", {"rc": 0})
        for path in act.params.get("files", ()):
            if runner().probe(act.params["ip"], commands.is_there(path).argv, deadline=LOOK_SECONDS).rc != 0:
                return Failed(f"{act.target}: exit code 0, but {path} is not there", {"rc": 0})
        return Done(f"{act.target}: done", {"rc": 0})


class Maintenance(HostCommand):
    """maintenance:enable or :disable; done when the flag file itself is there, or gone. Params: on."""

    def accept(self, act: Act, context: Context) -> Finding:
        is_on = flag_is_there(act.params["ip"])
        if is_on != bool(act.params["on"]):
            return Failed(f"{act.target}: exit code 0, but the flag {commands.MAINTENANCE_FLAG} is {'there' if is_on else 'not there'}")
        return Done(f"{act.target}: maintenance mode is {'on' if is_on else 'off'}, seen on the host", {"rc": 0, "flag": is_on})


class Reopen(HostCommand):
    """Waits for the host's deployment, then switches maintenance mode off if it is found on there. Params: label."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        if not self._is_deployed(act, context):
            return {"armed": True}
        return super().do(act, context)

    def probe(self, act: Act, context: Context) -> Finding:
        state = runner().status(act.params["ip"], key_of(context))
        if state.kind != "absent":
            return super().probe(act, context)
        if context.cancelled():
            return Done(f"{act.target}: left as it is", {"left": True})
        if not self._is_deployed(act, context):
            if self._deployment_is_in_doubt(act, context):
                return CannotTell(f"{act.target}: whether it is deployed is in doubt, so maintenance mode is left as it is")
            if self._environment_is_at_rest(act, context):
                return Done(f"{act.target}: its deployment did not happen; maintenance mode is left as it is", {"left": True})
            return Running(f"{act.target}: waits for its deployment", ask_again=2)
        if flag_is_there(act.params["ip"]):
            return NotDone(f"{act.target}: deployed, and maintenance mode is on there")
        return Done(f"{act.target}: out of maintenance mode since its deployment replaced the flag's folder", {"flag": False})

    def cancel(self, act: Act, context: Context) -> str:
        if runner().status(act.params["ip"], key_of(context)).kind == "absent":
            return f"{act.target}: maintenance mode is left as it is"
        return super().cancel(act, context)

    def accept(self, act: Act, context: Context) -> Finding:
        if flag_is_there(act.params["ip"]):
            return Failed(f"{act.target}: exit code 0, but the flag is still there")
        return Done(f"{act.target}: maintenance mode switched off", {"rc": 0, "flag": False})

    def _host(self, act: Act) -> Host | None:
        return Host.objects.filter(pk=act.params["instance_id"]).first()

    def _is_deployed(self, act: Act, context: Context) -> bool:
        host = self._host(act)
        return host is not None and has_arrived(host, act.params["label"], since=context.intent_at)

    def _environment_is_at_rest(self, act: Act, context: Context) -> bool:
        """The sibling update is over without this host, so no deployment will come to it any more.

        A host's own "Failed" does not say so: that may be an earlier release's, and stands there until this one's reaches it.
        """
        host = self._host(act)
        return host is None or host.gone is not None or self._update_is(Effect.State.FAILED, host.beanstalk, context)

    def _deployment_is_in_doubt(self, act: Act, context: Context) -> bool:
        host = self._host(act)
        return host is not None and self._update_is(Effect.State.UNKNOWN, host.beanstalk, context)

    def _update_is(self, state: str, beanstalk: str, context: Context) -> bool:
        update = Effect.objects.filter(run=context.run, kind="beanstalk.update", target=beanstalk).order_by("-pk").first()
        return update is not None and update.state == state


class HostLook:
    """A look that changes nothing; its exit code must be 0. Params: says (what it has to print, where that is told)."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        context.out(act.target).line("$ " + str(commands.Command(act.argv)))
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        found = runner().probe(act.params["ip"], act.argv, deadline=LOOK_SECONDS)
        printed, wanted = found.out.decode("utf-8", "replace").strip(), act.params.get("says")
        if found.rc == 0 and wanted is not None and printed != wanted:
            expected = f"“{wanted}”" if wanted else "nothing"
            return Failed(f"{act.target}: {commands.Command(act.argv)} says “{printed[:200]}”; expected {expected}", {"rc": 0})
        if found.rc == 0:
            return Done(f"{act.target}: {commands.Command(act.argv)}: yes", {"rc": 0})
        said = found.err.decode("utf-8", "replace").strip()
        return Failed(f"{act.target}: {commands.Command(act.argv)} ended with exit code {found.rc}. {said}".strip(), {"rc": found.rc})

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.target}: it was only a look"


def has_arrived(host: Host, label: str, *, since: datetime) -> bool:
    """The label was deployed there, and after `since`: the same label may have been there before."""
    after = host.deployed is not None and host.deployed >= since - AWS_CLOCK
    return host.version == label and host.deployment_status == "Deployed" and after


def flag_is_there(ip: str) -> bool:
    """The host's own word, kept at once: a page must not show what it said before."""
    asked = timezone.now()
    rc = runner().probe(ip, commands.is_there(commands.MAINTENANCE_FLAG).argv, deadline=LOOK_SECONDS).rc
    if rc in (0, 1):
        Host.objects.filter(private_ip=ip, gone=None).update(maintenance="on" if rc == 0 else "off", maintenance_seen=asked)
    return rc == 0


def in_words(error: RemoteError) -> str:
    """For a gate: why a host could not be asked."""
    if isinstance(error, HostKeyRefused):
        return f"host key refused: {error}"
    return f"no connection: {error}" if isinstance(error, Unreachable) else str(error)
