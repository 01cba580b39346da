"""The curtain: rules of the load balancer with which it answers visitors itself, while the hosts see none (aws.md 2.4).

Lives here: which rules there are, by whose tags they are known again, who passes, and which curtains are drawn now. Health checks go
straight to the hosts and keep their meaning. The rules are made and removed by `deployments.effects.balancer`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from estate.definition import Target
from estate.models import TargetGroup
from remote.aws import balancer

HEADER = "X-Ops-Console-Pass"
TAG, RUN, NAME, SINCE = "opsconsole:curtain", "opsconsole:run", "opsconsole:rule", "opsconsole:since"
CLOSED = "closed"
# name -> priority; whatever is in front of the environments' own rules has to be asked first
RULES: Mapping[str, int] = {"pass-back-office": 1, "pass": 2, "assets": 3, CLOSED: 5}
_ASSETS = ("/static/*", "/media/*", "/pub/static/*", "/pub/media/*")  # the CDN would keep an error under their names
PAGE = (
    '<!doctype html><html lang="fr"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Maintenance</title>'
    "<style>body{font:18px/1.5 sans-serif;margin:15vh auto;max-width:32em;padding:0 1em;color:#333}</style>"
    "<h1>Nous revenons dans quelques minutes</h1><p>La boutique est en cours de mise à jour. Votre panier est conservé.</p></html>"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is drawn: every listener of the balancer that the front end stands behind. ARNs."""

    listeners: tuple[tuple[str, int], ...]  # with their ports
    front: str
    back: str

    def to_json(self) -> dict[str, Any]:
        return {"listeners": [list(each) for each in self.listeners], "front": self.front, "back": self.back}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A curtain that is closed now: by which run, since when. `run` is 0 where its tag tells no number."""

    run: int
    since: datetime | None
    listener: str


def place_of(target: Target) -> Place | None:
    """None where no target group of the front end is known yet, or it hangs on no load balancer. Raises RemoteError."""
    groups = _groups(*(tier.beanstalk for tier in target.tiers))
    front = groups.get(target.tiers[-1].beanstalk)
    listeners = [each for arn in balancers_of(target.tiers[-1].beanstalk) for each in balancer.listeners(arn)]
    if front is None or not listeners:
        return None
    return Place(tuple((each.arn, each.port) for each in listeners), front, groups.get(target.tiers[0].beanstalk, front))


def balancers_of(beanstalk: str) -> tuple[str, ...]:
    """ARNs of those that an environment's hosts stand behind, as far as its target group is known. Raises RemoteError."""
    mine = _groups(beanstalk).get(beanstalk)
    return next((group.balancers for group in balancer.target_groups() if group.arn == mine), ()) if mine else ()


def _groups(*beanstalk: str) -> dict[str, str]:
    return {row.beanstalk: row.arn for row in TargetGroup.objects.filter(beanstalk__in=beanstalk)}


def name_of(target: Target) -> str:
    return f"{target.service}/{target.environment.key}"


def pass_of(run: int) -> str:
    """What a tester's browser sends in HEADER. Made anew from the secret key each time: it is kept nowhere but in the rule itself.

    Of the oldest key that still counts: the rule of a curtain that is closed must not stop matching when a new key comes.
    """
    oldest = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS][-1]
    return hmac.new(oldest.encode(), f"curtain:{run}".encode(), hashlib.sha256).hexdigest()[:24]


def conditions(name: str, secret: str) -> list[dict[str, Any]]:
    """`secret` is what `pass_of` says; only the rules of those who pass have it."""
    passing = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": HEADER, "Values": [secret]}}
    match name:
        case "pass-back-office":
            return [passing, _path("/backend*")]
        case "pass":
            return [passing]
        case "assets":
            return [_path(*_ASSETS)]
    return [_path("/*")]


def action(name: str, *, front: str, back: str) -> dict[str, Any]:
    if name == CLOSED:
        return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/html", "MessageBody": PAGE}}
    return {"Type": "forward", "TargetGroupArn": back if name == "pass-back-office" else front}


def tags(name: str, target: str, run: int | str, since: str = "") -> dict[str, str]:
    """`since` in ISO 8601; else it is now."""
    return {TAG: target, NAME: name, RUN: str(run), SINCE: since or timezone.now().isoformat(timespec="seconds")}


def rules_on(listener: str, target: str) -> Iterator[tuple[balancer.Rule, Mapping[str, str]]]:
    """Those of ours there, with their tags. Raises RemoteError."""
    found = [rule for rule in balancer.rules(listener) if not rule.is_default]
    told = balancer.tags_of([rule.arn for rule in found]) if found else {}
    for rule in found:
        mine = told.get(rule.arn, {})
        if mine.get(TAG) == target:
            yield rule, mine


def drawn(target: Target, listeners: Sequence[str]) -> list[Drawn]:
    """Curtains that are closed now. Raises RemoteError."""
    closed = [(listener, told) for listener in listeners for _, told in rules_on(listener, name_of(target)) if told.get(NAME) == CLOSED]
    return [Drawn(_number(told.get(RUN, "")), _moment(told.get(SINCE, "")), listener) for listener, told in closed]


def _path(*patterns: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(patterns)}}


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
