"""What the steps of the allow-list do to AWS, each with the probe that reads it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from access import place
from access.gateway import rules
from access.gateway.observe import observe
from access.models import AllowedAddress
from remote.aws import security_groups
from remote.aws.security_groups import Wanted
from runs.effects import Context, Done, Failed, Finding, NotDone, Running
from runs.plan import Act

LATE_ANSWER = timedelta(seconds=12)  # a request that got no answer can have arrived until then


class Allow:
    """Rules into the security group. Params: group, rules (first, last, cidr, description)."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        group = security_groups.group_id(act.params["group"])
        missing = self._missing(act, group)
        if missing:
            context.out("AWS").line(f"{len(missing)} rules are asked for in {act.params['group']}")
            security_groups.allow(group, missing)
        return {"accepted": True}

    def probe(self, act: Act, context: Context) -> Finding:
        missing = self._missing(act, security_groups.group_id(act.params["group"]))
        if not missing:
            return Done(f"{len(act.params['rules'])} rules are in {act.params['group']}, read back from AWS")
        return _not_yet(context, f"{len(missing)} of {len(act.params['rules'])} rules are not in {act.params['group']}")

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.params['group']}: what was asked for stays; close the entry to take it away"

    def _missing(self, act: Act, group: str) -> list[Wanted]:
        return rules.lacking([Wanted(**each) for each in act.params["rules"]], security_groups.inbound(group))


class Close:
    """Every rule of an entry out of the security group, by its mark. Params: group, mark."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        group = security_groups.group_id(act.params["group"])
        mine = self._mine(act, group)
        if mine:
            context.out("AWS").line(f"{len(mine)} rules are taken out of {act.params['group']}")
            security_groups.revoke(group, mine)
        return {"accepted": True}

    def probe(self, act: Act, context: Context) -> Finding:
        left = self._mine(act, security_groups.group_id(act.params["group"]))
        if not left:
            return Done(f"no rule of {act.params['mark']} is in {act.params['group']} any more, read back from AWS")
        return _not_yet(context, f"{len(left)} rules of {act.params['mark']} are still in {act.params['group']}")

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.params['group']}: what was taken away stays away"

    def _mine(self, act: Act, group: str) -> list[str]:
        return [rule.id for rule in security_groups.inbound(group) if rules.mark_of(rule.description) == act.params["mark"]]


class PutIntoList:
    """An entry of the prefix list that Terraform's group refers to. Params: list, cidr, description."""

    wanted = True

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        found = security_groups.prefix_list(act.params["list"])
        there = act.params["cidr"] in [cidr for cidr, _ in found.entries]
        if there != self.wanted:
            if self.wanted:
                security_groups.change_entries(found, add=[(act.params["cidr"], act.params["description"])])
            else:
                security_groups.change_entries(found, remove=[act.params["cidr"]])
        return {"accepted": True}

    def probe(self, act: Act, context: Context) -> Finding:
        found = security_groups.prefix_list(act.params["list"])
        there = act.params["cidr"] in [cidr for cidr, _ in found.entries]
        if there == self.wanted:
            return Done(f"{act.params['cidr']} is {'' if there else 'not '}in {found.name}, read back from AWS")
        return _not_yet(context, f"{act.params['cidr']} is {'' if there else 'not '}in {found.name}")

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.params['list']}: a change of a list cannot be stopped; it is over within seconds"


class TakeOutOfList(PutIntoList):
    wanted = False


class ReadBack:
    """Params: pk, wanted (a state)."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        observe(closing=context.run)
        entry = AllowedAddress.objects.get(pk=act.params["pk"])
        if entry.state == act.params["wanted"]:
            return Done(f"{entry.cidr}: {entry.state}, for {place.gateway().group}")
        if timezone.now() - context.intent_at > timedelta(seconds=60):
            return Failed(f"{entry.cidr} is {entry.state}, not {act.params['wanted']}, after a minute")
        return Running(f"{entry.cidr} is {entry.state}", ask_again=1)

    def cancel(self, act: Act, context: Context) -> str:
        return "it was only a look"


def _not_yet(context: Context, said: str) -> Finding:
    if context.answer.get("accepted") and timezone.now() - context.asked_at < LATE_ANSWER * 3:
        return Running(f"{said} yet", ask_again=1)
    if timezone.now() - context.asked_at < LATE_ANSWER:
        return Running(f"{said}; the request may still arrive", ask_again=2, certain=False)
    return NotDone(said)
