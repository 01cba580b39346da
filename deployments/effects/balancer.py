"""Rules of the load balancer: one act adds one rule, or removes it. A rule is known again by the tags that it carries.

A late repeat of an addition is refused (the priority is in use); a removal that comes twice finds nothing to remove.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.utils import timezone

from deployments.strategies import curtain
from remote.aws import balancer
from remote.errors import AlreadyExists, NotFound
from runs.effects import Context, Done, Failed, Finding, NotDone, Running
from runs.plan import Act

LATE_ANSWER = timedelta(seconds=12)  # longer than a call's deadline: a request that was going to arrive has arrived


class AddRule:
    """Params: listener, port, name, priority, front, back, target."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        asked = act.params
        with suppress(AlreadyExists):  # the probe says whose it is
            balancer.add_rule(
                asked["listener"],
                asked["priority"],
                curtain.conditions(asked["name"], curtain.pass_of(context.run)),
                curtain.action(asked["name"], front=asked["front"], back=asked["back"]),
                curtain.tags(asked["name"], asked["target"], context.run),
            )
        return {"answered": True}

    def probe(self, act: Act, context: Context) -> Finding:
        asked = act.params
        heir_of = {str(context.run), str(context.facts.get("relaunch_of") or "")}
        for rule, tags in curtain.rules_on(asked["listener"], asked["target"]):
            if tags.get(curtain.NAME) == asked["name"] and tags.get(curtain.RUN) in heir_of:
                taken = "" if tags[curtain.RUN] == str(context.run) else f", taken over from run {tags[curtain.RUN]}"
                return Done(
                    f"port {asked['port']}: “{asked['name']}” stands at priority {rule.priority}{taken}",
                    {"rule": rule.arn, "run": tags[curtain.RUN]},
                )
        if any(rule.priority == asked["priority"] for rule in balancer.rules(asked["listener"])):
            return Failed(f"Port {asked['port']}: priority {asked['priority']} is somebody else's rule. Move it behind 9, then go on.")
        if not context.answer.get("answered") and timezone.now() - context.asked_at < LATE_ANSWER:
            return Running("no answer to the request yet; asking again", ask_again=2, certain=False)
        return NotDone(f"port {asked['port']}: no such rule")

    def cancel(self, act: Act, context: Context) -> str:
        return "the rules that were added stay: whoever is closed out stays closed out until the curtain is opened"


class RemoveRule:
    """Whoever added it. Params: listener, port, name, target."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        for rule in self._found(act):
            with suppress(NotFound):
                balancer.remove_rule(rule.arn)
        return {"answered": True}

    def probe(self, act: Act, context: Context) -> Finding:
        left = self._found(act)
        if left:
            return NotDone(f"port {act.params['port']}: “{act.params['name']}” is still there")
        return Done(f"port {act.params['port']}: “{act.params['name']}” is gone")

    def cancel(self, act: Act, context: Context) -> str:
        return "what was removed stays removed"

    def _found(self, act: Act) -> list[balancer.Rule]:
        rules = curtain.rules_on(act.params["listener"], act.params["target"])
        return [rule for rule, tags in rules if tags.get(curtain.NAME) == act.params["name"]]
