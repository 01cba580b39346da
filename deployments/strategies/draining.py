"""How long a host that leaves the load balancer has for the requests under way there: as it stands, and as a roll wants it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from deployments.steps import DRAIN_SECONDS, PlannedHost
from deployments.strategies import curtain
from deployments.strategies.commands import PROCESS
from estate.definition import Target, Tier
from remote.aws import balancer, beanstalk
from remote.errors import RemoteError

logger = logging.getLogger(__name__)

DELAY = "DeregistrationDelay"
LONGEST = 3600  # Beanstalk takes no more (aws.md 2.2); a load balancer's idle timeout may be 4000 s


@dataclass(frozen=True, slots=True)
class Enough:
    """Of one tier: the seconds that its hosts are to have, and the sentence that says why so many."""

    seconds: int
    why: str


def now(target: Target) -> dict[str, int]:
    """Seconds by the tier's key, as Beanstalk has them; of what no roll of ours has changed nothing is asked.

    Only expected times are counted with it: where AWS does not say, the usual seconds are taken, and the plan is made all the same.
    """
    return {tier.key: _now(target, tier) for tier in target.tiers} if target.plan == "magento" else {}


def _now(target: Target, tier: Tier) -> int:
    try:
        options = beanstalk.option_settings(target.application, tier.beanstalk)
    except RemoteError as error:
        logger.info("how long hosts of %s drain is not known: %s", tier.beanstalk, error)
        return DRAIN_SECONDS
    return int(options.get((PROCESS, DELAY)) or DRAIN_SECONDS)


def enough(target: Target, hosts: Sequence[PlannedHost]) -> dict[str, Enough]:
    """By the tier's key. Only those of which another host serves while one drains: else it would be closed for longer.

    Raises RemoteError.
    """
    served = [tier for tier in target.tiers if sum(host.tier == tier.key for host in hosts) > 1]
    return {tier.key: _enough(tier, [balancer.idle_timeout(arn) for arn in curtain.balancers_of(tier.beanstalk)]) for tier in served}


def _enough(tier: Tier, waits: Sequence[int]) -> Enough:
    if not waits:
        return Enough(balancer.IDLE_TIMEOUT, f"{tier.name}: its load balancer is not known, so AWS's default of 60 s is assumed.")
    longest = max(waits)
    if longest > LONGEST:
        return Enough(LONGEST, f"{tier.name}: its load balancer waits {longest} s, of which Beanstalk takes {LONGEST} at most.")
    return Enough(longest, f"{tier.name}: its load balancer waits {longest} s.")
