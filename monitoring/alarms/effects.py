"""What runs change in CloudWatch and SNS: an alarm's definition, a mute rule, the console's own subscription.

Where a run is done all is read again, so that its end and the pages say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitoring.alarms import declared, poller
from remote.aws import alarms, topics
from runs.effects import CannotTell, Context, Done, Finding, NotDone, Running
from runs.plan import Act

_LEFT = "Nothing was stopped: the call is over in a moment. What it did stays."


class PutAlarm:
    """Params: name, definition. Writing the same definition again changes nothing."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        alarms.put(act.params["name"], act.params["definition"])
        context.out("CloudWatch").line(f"PutMetricAlarm {act.params['name']}: accepted")
        return {"accepted": True}

    def probe(self, act: Act, context: Context) -> Finding:
        found = alarms.alarms([act.params["name"]])
        if not found:
            return NotDone(f"CloudWatch has no alarm {act.params['name']}")
        different = [line.name for line in declared.compare(act.params["definition"], found[0].definition) if line.differs]
        if not different:
            poller.poll()
            return Done(f"{found[0].name} is as declared")
        return NotDone(f"{found[0].name} differs: {', '.join(different).lower()}")

    def cancel(self, act: Act, context: Context) -> str:
        return _LEFT


class PutMute:
    """Params: name, alarms, expression, duration, description. The rule's name is the plan's own."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        asked = act.params
        alarms.mute(
            asked["name"], asked["alarms"], expression=asked["expression"], duration=asked["duration"], description=asked["description"]
        )
        context.out("CloudWatch").line(f"PutAlarmMuteRule {asked['name']}: accepted")
        return {"accepted": True}

    def probe(self, act: Act, context: Context) -> Finding:
        found = alarms.mute_named(act.params["name"])
        if found is None:
            return NotDone(f"there is no mute rule {act.params['name']}")
        if found.alarms != tuple(act.params["alarms"]):
            return CannotTell(f"The mute rule {found.name} is there, but mutes {', '.join(found.alarms)}: somebody else has made it.")
        poller.poll()
        return Done(f"{found.name}: {found.status.lower()}")

    def cancel(self, act: Act, context: Context) -> str:
        return _LEFT


class DeleteMute:
    """Params: name."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        alarms.unmute(act.params["name"])
        context.out("CloudWatch").line(f"DeleteAlarmMuteRule {act.params['name']}: accepted")
        return {"accepted": True}

    def probe(self, act: Act, context: Context) -> Finding:
        if alarms.mute_named(act.params["name"]) is None:
            poller.poll()
            return Done(f"there is no mute rule {act.params['name']} any more")
        return NotDone(f"the mute rule {act.params['name']} is still there")

    def cancel(self, act: Act, context: Context) -> str:
        return _LEFT


class Subscribe:
    """Params: topic, protocol, endpoint. Done when SNS's token has come here and was sent back, which the endpoint does by itself."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        topics.subscribe(act.params["topic"], act.params["protocol"], act.params["endpoint"])
        context.out("SNS").line(f"Subscribe {act.params['endpoint']}: accepted, waiting for the token")
        return {"accepted": True}

    def probe(self, act: Act, context: Context) -> Finding:
        wanted = act.params["protocol"], act.params["endpoint"]
        found = [each for each in topics.subscriptions(act.params["topic"]) if (each.protocol, each.endpoint) == wanted]
        if any(each.is_confirmed for each in found):
            poller.poll()
            return Done("the subscription is confirmed")
        if found and context.answer.get("accepted"):
            return Running(f"waiting for SNS's token at {wanted[1]}", ask_again=1)
        return NotDone("not subscribed, or never confirmed")

    def cancel(self, act: Act, context: Context) -> str:
        return "The subscription stays as it is; unconfirmed, SNS forgets it after some days."
