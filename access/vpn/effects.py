"""What the steps of the VPN do on its host, each with the probe that asks the host whether it is so. No exit code is believed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from access.vpn import profile, server
from access.vpn.observe import observe
from access.vpn.register import missing_from
from estate.validators import vpn_name
from remote.ssh.runner import State
from runs.doors import runner
from runs.effects import Context, Done, Failed, Finding, NotDone, Running
from runs.host_commands import Detached, key_of
from runs.plan import Act

PATIENCE = timedelta(seconds=90)  # for what the host does by itself, such as writing its status file
_ROOM_KILOBYTES = 1024
_TAIL = 8000  # bytes of the script's output in which a reason is looked for


class NameIsFree:
    """Nothing is changed: whether the name is free, and whether the host has all that a profile is made of. Params: ip, name, again."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        name = act.params["name"]
        found = profile.look(act.params["ip"], name)
        if found.valid is not None and not act.params["again"]:
            ends = f"{found.valid.ends:%d %b %Y}"
            return Failed(f"{name} exists already (serial {found.serial}, valid until {ends}). Choose another name, or re-issue {name}.")
        for each in found.lacks:
            return Failed(f"{server.MISSING[each]} Bring it back, then create {name} again; nothing has been made.")
        if found.free_kilobytes is not None and found.free_kilobytes < _ROOM_KILOBYTES:
            return Failed(f"The host's disk is full ({found.free_kilobytes} kB left). Make room on it; nothing has been made.")
        return Done(f"{act.target}: {name} is free, and everything that a profile is made of is there")

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.target}: it was only a look"


class OnServer(Detached):
    """A command whose end is no proof: `accept` asks the host, whatever its exit code was. Params: ip, name."""

    def judge(self, act: Act, context: Context, state: State) -> Finding:
        if state.kind in ("finished", "lost"):
            return self.accept(act, context)
        return super().judge(act, context, state)

    def output(self, act: Act, context: Context) -> str:
        key = key_of(context)
        size = runner().status(act.params["ip"], key).size
        return runner().tail(act.params["ip"], key, offset=max(0, size - _TAIL), limit=_TAIL).decode("utf-8", "replace")


class Create(OnServer):
    """create_user.sh. Done when the index gained the certificate, and the profile is complete and verifies. Params: old (a serial)."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        vpn_name(act.params["name"])  # once more, where it is acted on
        return super().do(act, context)

    def accept(self, act: Act, context: Context) -> Finding:
        name = act.params["name"]
        found = profile.look(act.params["ip"], name)
        gained = found.valid is not None and found.serial != act.params.get("old", "")
        if gained and not found.problems:
            return Done(
                f"{act.target}: the index has {name}, serial {found.serial}; the profile is complete and verifies", {"serial": found.serial}
            )
        return Failed(profile.why_it_failed(found, name, self.output(act, context)), {"serial": found.serial if gained else ""})


class SetAside(OnServer):
    def accept(self, act: Act, context: Context) -> Finding:
        found = profile.look(act.params["ip"], act.params["name"])
        if found.left:
            return Failed(f"{act.target}: {', '.join(found.left)} of {act.params['name']} could not be set aside. Look at the host.")
        return Done(f"{act.target}: nothing of a failed attempt is in the way")


class Revoke(OnServer):
    """Params: serial."""

    def accept(self, act: Act, context: Context) -> Finding:
        serial = act.params["serial"]
        line = next((line for line in server.look(act.params["ip"]).lines if line.serial == serial), None)
        if line is not None and line.state == "R":
            return Done(f"{act.target}: the index marks serial {serial} revoked", {"line": line.text})
        where = "has it as valid still" if line else "does not have it"
        return Failed(f"{act.target}: serial {serial} is not revoked: the index {where}. What easy-rsa said is in the log.")


class RenewCrl(OnServer):
    """Done when the list that the service reads has every serial that the index marks revoked."""

    def accept(self, act: Act, context: Context) -> Finding:
        found = server.look(act.params["ip"])
        lacking = [line.serial for line in found.lines if line.state == "R" and line.serial not in found.crl.serials]
        if not found.crl.is_in_force:
            return Failed(f"{act.target}: {found.crl.problem}")
        if lacking:
            return Failed(f"{act.target}: the CRL lacks {', '.join(lacking)}. What easy-rsa said is in the log.")
        until = f", until {found.crl.next_update:%d %b %Y}" if found.crl.next_update else ""
        return Done(f"{act.target}: the service reads a CRL with {len(found.crl.serials)} serials{until}")


class EndSessions(OnServer):
    """Params: stays_out: it may not come back (revoked, suspended); else its client is free to, and the answer of the service counts."""

    def accept(self, act: Act, context: Context) -> Finding:
        name = act.params["name"]
        if not act.params["stays_out"]:
            said = self.output(act, context).strip()
            known = said.startswith("SUCCESS") or "not found" in said
            return Done(f"{act.target}: {said}") if known else Failed(f"{act.target}: {said or 'the management interface does not answer'}")
        found = server.look(act.params["ip"])
        left = found.sessions_of(name)
        if left is None:
            why = found.silent or "no management interface, and no status file"
            return _wait(context, f"{act.target}: nobody can say who is connected: {why}")
        # A status file from before says nothing about now.
        if left or (found.heard_at is not None and found.heard_at < context.asked_at - timedelta(seconds=5)):
            return _wait(context, f"{act.target}: {len(left)} sessions of {name} by {found.heard}")
        return Done(f"{act.target}: no session of {name}, by {found.heard}; {len(found.sessions or ())} others are connected")


class Suspend(OnServer):
    """Params: on."""

    def accept(self, act: Act, context: Context) -> Finding:
        name, on = act.params["name"], bool(act.params["on"])
        found = server.look(act.params["ip"])
        if (name in found.suspended) != on:
            return Failed(f"{act.target}: {name} is {'not ' if on else 'still '}suspended. What the host said is in the log.")
        if on and found.sessions_of(name):
            return _wait(context, f"{act.target}: {name} is refused from now on; its session is being ended")
        return Done(f"{act.target}: {name} is {'refused until it is resumed' if on else 'let in again'}")


class Merge(OnServer):
    """Params: lines (of the index)."""

    def accept(self, act: Act, context: Context) -> Finding:
        missing = missing_from(server.look(act.params["ip"]).lines, act.params["lines"])
        if missing:
            return Failed(f"{act.target}: the index still lacks {', '.join(missing)}")
        return Done(f"{act.target}: the index has all {len(act.params['lines'])} lines again")


class ReadBack:
    """The last step: the whole server is read into the register, until it says what was wanted. Params: ip, names, wanted (states)."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        states = observe(closing=context.run)
        short = {name: states.get(name, "unknown") for name in act.params["names"] if states.get(name) not in act.params["wanted"]}
        if not short:
            return Done("; ".join(f"{name}: {states[name]}" for name in act.params["names"]) or "the register and the index agree")
        return _wait(context, "; ".join(f"{name} is {state} until it is proven" for name, state in short.items()))

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.target}: it was only a look"


def _wait(context: Context, said: str) -> Finding:
    if timezone.now() - context.asked_at > PATIENCE:
        return Failed(f"{said}; waited {PATIENCE.seconds} s for it.")
    if context.cancelled():
        return NotDone(said)
    return Running(said, ask_again=1.0)
