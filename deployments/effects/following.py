"""Following a deployment of somebody else's: nothing is done; Beanstalk and every host are asked until it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from deployments import evidence
from deployments.effects.beanstalk import FRESH, SETTLING, UpdateEnvironment, heard, last_words, tell_events, unheard
from estate import observe
from estate.models import BeanstalkEnvironment, Host
from estate.reading import current
from runs.effects import Context, Done, Failed, Finding, Running
from runs.plan import Act


class Follow(UpdateEnvironment):
    """Params: service, environment, beanstalk, since, label (of what was begun).

    Aborting it asks Beanstalk to abort: whoever adopts a deployment answers for it.
    """

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        context.out("Beanstalk").line(f"{act.params['beanstalk']}: somebody else's deployment is followed from here on")
        return {}

    def probe(self, act: Act, context: Context) -> Finding:
        name = act.params["beanstalk"]
        observe.refresh(current().target(act.params["service"], act.params["environment"]), max_age=FRESH)
        found = heard(name, since=context.intent_at)
        since = datetime.fromisoformat(act.params["since"]) if act.params["since"] else context.intent_at
        said = tell_events(name, replace(context, intent_at=since))
        if found is None:
            return unheard(said)
        hosts = list(Host.objects.filter(beanstalk=name, gone=None))
        others = [host for host in hosts if host.version != found.version or host.deployment_status != "Deployed"]
        if found.status != "Ready":
            return Running(f"{name} is {found.status}: {len(hosts) - len(others)} of {len(hosts)} hosts done", said, ask_again=1)
        return self._compare(act.params["label"], found, hosts, others, context, said)

    def _compare(
        self, label: str, found: BeanstalkEnvironment, hosts: list[Host], others: list[Host], context: Context, said: Mapping[str, Any]
    ) -> Finding:
        """Every host's own word, said after Beanstalk was Ready: that it is, too, after a failure or an abort, with the version before."""
        since = datetime.fromisoformat(context.answer["ready"]) if "ready" in context.answer else timezone.now()
        said = {**said, "ready": since.isoformat()}
        fresh = all(host.seen > since for host in hosts)
        as_begun = found.version == label
        if fresh and hosts and not others and as_begun:
            return Done(f"{len(hosts)} of {len(hosts)} hosts on {found.version}", said)
        over = not as_begun or any(host.deployment_status == "Failed" for host in others)
        if timezone.now() - since < SETTLING and not (fresh and over):
            return Running("Beanstalk is Ready; waiting for the hosts' own word", said, ask_again=1)
        for host in others:
            if host.deployment_status == "Failed":
                evidence.take(context.run, host, context.out)
        names = ", ".join(f"{host.name} ({host.version or 'unknown'}, {host.deployment_status or 'unknown'})" for host in others)
        told = f"Beanstalk is Ready with {found.version}"
        told += "" if as_begun else f", and not with {label}, which the deployment was begun with"
        told += f", but not: {names or 'no host is known'}" if others or not hosts else ""
        return Failed(f"{told}. {last_words(found.name)}".strip(), said)
