"""CloudFront: telling a distribution to forget what it keeps below a path, and whether it has."""

from __future__ import annotations

from dataclasses import dataclass

from remote.aws.session import Patience, ask, tell
from remote.errors import NotFound

_SERVICE = "cloudfront"
_NEWEST = 20  # of its invalidations, in which one is looked for


@dataclass(frozen=True, slots=True)
class Invalidation:
    """`done`: every edge has forgotten. `reference` is what its caller named it by."""

    id: str
    reference: str
    done: bool


def distribution_of(domain: str, *, patience: Patience | None = None) -> str:
    """The id of the distribution that answers under this name. Raises NotFound."""
    answer = ask(_SERVICE, "list_distributions", patience=patience)
    for each in answer.get("DistributionList", {}).get("Items", ()):
        if domain in each.get("Aliases", {}).get("Items", ()):
            return str(each["Id"])
    raise NotFound(f"CloudFront has no distribution that answers under {domain}", "Check cdn in estate.yaml, and the account.")


def create(distribution: str, path: str, reference: str, *, patience: Patience | None = None) -> Invalidation:
    """The same reference again names the same invalidation: AWS begins no second one."""
    batch = {"Paths": {"Quantity": 1, "Items": [path]}, "CallerReference": reference}
    answer = tell(_SERVICE, "create_invalidation", patience=patience, DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]
    return Invalidation(answer["Id"], reference, answer.get("Status") == "Completed")


def find(distribution: str, reference: str, *, patience: Patience | None = None) -> Invalidation | None:
    """Among the newest; a list does not name the references, so each is asked for."""
    answer = ask(_SERVICE, "list_invalidations", patience=patience, DistributionId=distribution, MaxItems=str(_NEWEST))
    for each in answer.get("InvalidationList", {}).get("Items", ()):
        whole = ask(_SERVICE, "get_invalidation", patience=patience, DistributionId=distribution, Id=each["Id"])["Invalidation"]
        if whole["InvalidationBatch"]["CallerReference"] == reference:
            return Invalidation(whole["Id"], reference, whole.get("Status") == "Completed")
    return None
