"""Making CloudFront forget: an invalidation of one path of one distribution, followed until every edge has done it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from deployments.effects.beanstalk import LATE_ANSWER
from remote.aws import invalidations
from runs.effects import Context, Done, Finding, NotDone, Running
from runs.plan import Act


class Invalidate:
    """Params: domain, path. The reference is the run's and the effect's: asked twice, it is one invalidation."""

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        domain, path = act.params["domain"], act.params["path"]
        begun = invalidations.create(invalidations.distribution_of(domain), path, context.reference)
        context.out("CloudFront").line(f"{domain}: invalidation {begun.id} of {path}")
        return {"invalidation": begun.id}

    def probe(self, act: Act, context: Context) -> Finding:
        domain = act.params["domain"]
        found = invalidations.find(invalidations.distribution_of(domain), context.reference)
        if found is None:
            if timezone.now() - context.asked_at < LATE_ANSWER:
                return Running("CloudFront does not show it yet; asking again", ask_again=2, certain="invalidation" in context.answer)
            return NotDone(f"{domain}: CloudFront has no such invalidation, and the request can no longer arrive")
        if found.done:
            return Done(f"{domain}: {found.id} is completed, every edge has forgotten {act.params['path']}", {"invalidation": found.id})
        return Running(f"{domain}: {found.id} is in progress", {"invalidation": found.id}, ask_again=2)

    def cancel(self, act: Act, context: Context) -> str:
        return f"{act.params['domain']}: CloudFront ends an invalidation that has begun; it cannot be stopped"
