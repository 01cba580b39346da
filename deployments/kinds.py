"""How each kind of service is released, by the `plan:` of estate.yaml.

A new kind is a plan function in `deployments.plans`, a line here and a word in the grammar of estate.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from deployments import plans
from deployments.plans import Wanted
from estate.definition import Target
from estate.reading import current
from runs.plan import Plan


@dataclass(frozen=True, slots=True)
class Kind:
    """`warnings` are what the way of releasing leaves open, a sentence each. `labelled`: version labels begin with the service's key."""

    draw: Callable[[Wanted], Plan]
    warnings: Callable[[Wanted], Iterator[str]]
    labelled: bool = False


def kind_of(target: Target) -> Kind:
    """Raises KeyError for a kind that the grammar of estate.yaml does not have either."""
    return KINDS[target.plan]


def label(target: Target, number: int, commit: str) -> str:
    """r418-a91c3e7; pim-r13-1f09c7a: applications that share one Beanstalk application share its labels, too."""
    return f"{target.service}-r{number}-{commit[:7]}" if kind_of(target).labelled else f"r{number}-{commit[:7]}"


def _of_magento(wanted: Wanted) -> Iterator[str]:
    """magento.md 3A."""
    if not wanted.close_back_office:
        yield "The back office is not closed: imports and the admin go on during the migration."
    yield "Cron is not stopped: it runs into the migration."
    yield "A host that has been deployed comes back out of maintenance mode by itself, and serves before the statics are there."
    yield "Statics are built on each host by the configuration's commands, and once more by hand at the end."


def _of_simple(wanted: Wanted) -> Iterator[str]:
    target = wanted.target
    if len(wanted.hosts) == 1:
        yield f"There is one host: nobody is answered at {target.address or 'its address'} while it is deployed."
    sharing = [each.service_name for each in current().targets if each.lock_group == target.lock_group and each.service != target.service]
    if sharing:
        yield f"Its database is {' and '.join(sharing)}'s, too: the schema is changed for them as well, and no snapshot is taken."
    if any(proof.what == "user" for proof in target.proofs):
        yield "The web root is written by ftp: what came since the last deployment goes with the old release."
    if target.money:
        yield "It moves money: look at its log after the next payout."


KINDS: Mapping[str, Kind] = {
    "magento": Kind(plans.magento, _of_magento),
    "simple": Kind(plans.simple, _of_simple, labelled=True),
}
