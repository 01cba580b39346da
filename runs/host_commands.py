"""A command on a host as an effect: started once by the runner, which keeps its output and exit code; attached to ever after.

What its success means, the packages above say: they inherit `Detached` and override `accept`.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from remote.ssh.runner import Key, State
from runs.doors import runner
from runs.effects import CannotTell, Context, Done, Failed, Finding, NotDone, Out, Running
from runs.plan import Act

FIRST_SECONDS = 1.0  # with the runner's own deadline this stays below half of the engine's lease
_NOT_IN_KEYS = re.compile(r"[^a-z0-9._-]")


class Detached:
    """One command on one host. Params: ip."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        """Starts it and stays for its first second: the first lines come with the answer to the start."""
        out, offset = context.out(act.target), int(context.answer.get("offset", 0))
        out.line("$ " + shlex.join(act.argv))
        state, output = runner().attend(
            act.params["ip"], key_of(context), act.argv, epoch=context.epoch, offset=offset, seconds=min(FIRST_SECONDS, context.patience)
        )
        store(output, out, offset)
        return {"started": state.kind}

    def probe(self, act: Act, context: Context) -> Finding:
        """Follows what is running for as long as the engine has patience, then says what it is."""
        host, key, offset = act.params["ip"], key_of(context), int(context.answer.get("offset", 0))
        out = context.out(act.target)
        offset = store(runner().follow(host, key, offset=offset, seconds=context.patience), out, offset)
        state = runner().status(host, key)
        if state.kind != "running" and state.size > offset:  # it ended between the two questions: its last lines
            store(runner().follow(host, key, offset=offset, seconds=0), out, offset)
        return self.judge(act, context, state)

    def judge(self, act: Act, context: Context, state: State) -> Finding:
        if state.kind == "absent":
            return NotDone(f"{act.target}: never started")
        if state.kind == "running":
            return Running(f"{act.target}: running", ask_again=0)
        if state.kind == "finished" and state.rc == 0:
            return self.accept(act, context)
        if state.kind == "finished":
            return Failed(f"{act.target}: the command ended with exit code {state.rc}.", {"rc": state.rc})
        if state.left:  # another attempt would run beside them
            pids = " ".join(map(str, state.left))
            return CannotTell(
                f"{act.target}: the command was cancelled, and {len(state.left)} of its processes could not be ended: {pids}. "
                f"End them there (sudo kill -KILL {pids}), then check now."
            )
        if state.kind == "cancelled":
            said = f"{act.target}: the command was cancelled; nothing of it is left running"
            return Failed(said, {"cancelled": True, "cancel": said})
        return CannotTell(f"{act.target}: the host lost the command, without an exit code. Was it restarted? Look at what the command did.")

    def accept(self, act: Act, context: Context) -> Finding:
        """The command ended with exit code 0: what does the world say?"""
        return Done(f"{act.target}: done", {"rc": 0})

    def cancel(self, act: Act, context: Context) -> str:
        proof = runner().cancel(act.params["ip"], key_of(context))
        return f"{act.target}: {proof}"


def store(output: Iterator[bytes], out: Out, offset: int) -> int:
    """Each piece with the byte of the host's file behind it, so that whoever goes on reads none twice; the byte behind the last."""
    for data in output:
        offset += len(data)
        out.write(data, offset=offset)
    return offset


def key_of(context: Context) -> Key:
    """The effect's own key: another attempt is another command to the runner. Hosts may have any name, the runner's keys may not."""
    plain = _NOT_IN_KEYS.sub(".", context.key.lower())[:50]
    is_the_key = plain == context.key.replace(":", ".")
    return Key(str(context.run), plain if is_the_key else f"{plain}-{hashlib.sha256(context.key.encode()).hexdigest()[:12]}")
