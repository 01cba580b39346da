"""Options of a Beanstalk environment, and snapshots of a database: what takes its time at AWS and is asked about until it stands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.utils import timezone

from deployments.effects.beanstalk import requested, tell_events
from deployments.effects.hosts import AWS_CLOCK
from deployments.strategies.commands import COMMAND
from remote.aws import beanstalk, databases
from remote.errors import AlreadyExists, Busy, Refused
from runs.effects import Context, Done, Failed, Finding, NotDone, Running
from runs.plan import Act

LATE_ANSWER = timedelta(seconds=20)


class Configure:
    """An update of the environment of its own. Params: application, beanstalk, namespace, options ({name: value}).

    With `at_least` a number that is higher already is left alone.
    """

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        name = act.params["beanstalk"]
        if self._stands(act):
            return {}
        try:
            beanstalk.configure(name, _wanted(act))
        except Busy as busy:
            raise Refused(f"Somebody else is changing {name}. {busy}", "Wait until it is Ready, then go on with the run.") from busy
        return {"accepted": timezone.now().isoformat()}

    def probe(self, act: Act, context: Context) -> Finding:
        name = act.params["beanstalk"]
        found = beanstalk.environment(name)
        said = tell_events(name, context)
        if not found.is_ready:
            return Running(f"{name} is {found.status}", said, ask_again=1)
        now = self._options(act)
        told = ", ".join(f"{option} {value or 'not set'}" for (_, option), value in now.items())
        if _enough(act, now):
            return Done(f"{name}: {told}", said)
        if timezone.now() - requested(context) < LATE_ANSWER:
            return Running("no sign of the request yet; asking again", said, ask_again=2, certain="accepted" in context.answer)
        if context.answer.get("accepted"):
            return Failed(f"{name} took the request and went back to {told}. {_complaints(act, context)}", said)
        return NotDone(f"{name} is Ready and has other options")

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.params['beanstalk']}: a change of options that has begun ends within a minute"

    def _stands(self, act: Act) -> bool:
        return _enough(act, self._options(act))

    def _options(self, act: Act) -> dict[tuple[str, str], str]:
        """As they are now, those that the act is about."""
        found = beanstalk.option_settings(act.params["application"], act.params["beanstalk"])
        return {option: found.get(option, "") for option in _wanted(act)}


def _enough(act: Act, now: Mapping[tuple[str, str], str]) -> bool:
    if act.params.get("at_least"):
        return all(int(now[option] or 0) >= int(value) for option, value in _wanted(act).items())
    return now == _wanted(act)


def _complaints(act: Act, context: Context) -> str:
    """Asked of Beanstalk itself: the errors since the intent, the first of which names the reason."""
    told = beanstalk.events(act.params["application"], context.intent_at - AWS_CLOCK, act.params["beanstalk"])
    bad = dict.fromkeys(event.message.strip() for event in told if event.severity in ("ERROR", "FATAL"))
    return f"Beanstalk says: “{' '.join(bad)[:600]}”" if bad else "Its events say why."


def _wanted(act: Act) -> dict[tuple[str, str], str]:
    """A plan of before namespaces were told means the commands'."""
    namespace = act.params.get("namespace", COMMAND)
    return {(namespace, option): value for option, value in act.params["options"].items()}


class TakeSnapshot:
    """Done when it is available. Params: database.

    Its name has the run's number, its time and the attempt: the same one is never taken twice, and another attempt has another.
    """

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        with suppress(AlreadyExists):
            databases.create_snapshot(act.params["database"], _name(act, context))
        context.out("AWS").line(f"snapshot {_name(act, context)} of {act.params['database']}")
        return {"snapshot": _name(act, context)}

    def probe(self, act: Act, context: Context) -> Finding:
        name = _name(act, context)
        found = databases.snapshot(name)
        if found is None:
            return NotDone(f"there is no snapshot {name}")
        if found.status == "available":
            return Done(f"{name} is available", {"snapshot": name})
        if found.status in ("failed", "incompatible-restore"):
            return Failed(f"The snapshot {name} is {found.status}. Nothing has been changed in the database.")
        return Running(f"{name} is {found.status}", ask_again=2)

    def cancel(self, act: Act, context: Context) -> str:
        return f"the snapshot {_name(act, context)} is finished by RDS and stays"


def _name(act: Act, context: Context) -> str:
    """As it is kept, where an older console named it."""
    named = f"opsconsole-{context.run}-{context.pressed_at:%Y%m%d%H%M%S}-{context.attempt}-{act.params['database']}"
    return str(context.answer.get("snapshot") or named[:255])
