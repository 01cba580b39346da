"""What ends, as far as Beanstalk knows: the quota of application versions, and the platforms that AWS no longer supports.

Other packages register what is theirs: certificates and snapshots with the inventory, the VPN with access, the topic with the alarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from estate import deadlines
from estate.deadlines import CannotCheck, Deadline
from estate.models import BeanstalkEnvironment
from estate.reading import current
from remote.aws import beanstalk
from remote.aws.session import Patience

QUOTA = 1000  # application versions of all applications in a region together, unless AWS has raised it
FILL_OVER = timedelta(days=90)  # how fast they come is taken from the newest of so many days
_PATIENCE = Patience(connect=3.0, read=20.0)
# Words of a platform's name -> when AWS ended its support. Source: Beanstalk's platform retirement schedule, Amazon Linux's lifecycle.
SUPPORT_ENDS: Mapping[str, datetime] = {
    "Amazon Linux 2/": datetime(2026, 6, 30, tzinfo=UTC),
    "Amazon Linux 2 ": datetime(2026, 6, 30, tzinfo=UTC),
    "Amazon Linux/": datetime(2022, 7, 18, tzinfo=UTC),
    "Amazon Linux AMI": datetime(2022, 7, 18, tzinfo=UTC),
    "Amazon Linux 2018": datetime(2022, 7, 18, tzinfo=UTC),
    "Amazon Linux 2023": datetime(2029, 6, 30, tzinfo=UTC),
}


def register() -> None:
    deadlines.register("Beanstalk's quota of versions", versions_quota)
    deadlines.register("Beanstalk's platforms", platforms)


def versions_quota() -> Iterable[Deadline]:
    """When the next release would be refused, at the pace of the last three months."""
    now = timezone.now()
    found = [version for name in sorted({target.application for target in current().targets}) for version in _versions(name)]
    recent = sum(made is not None and made > now - FILL_OVER for made in found)
    left = QUOTA - len(found)
    why = f"{len(found)} of {QUOTA} versions; {recent} came in the last {FILL_OVER.days} days. Delete old ones, or ask AWS for more."
    due = now + timedelta(days=min(left * FILL_OVER.days / recent, 3650)) if recent else now + timedelta(days=3650)
    # A day that moves with each version would tell people each time: thresholds go by weeks.
    due = datetime.fromtimestamp(due.timestamp() // 604_800 * 604_800, UTC)
    yield Deadline("versions", "quota", "Beanstalk takes no more versions", due, reverse("deployments:services"), why)


def platforms() -> Iterable[Deadline]:
    rows = list(BeanstalkEnvironment.objects.order_by("name"))
    if not rows:
        raise CannotCheck("No Beanstalk environment has been seen yet.")
    for row in rows:
        ends = next((end for words, end in SUPPORT_ENDS.items() if words in row.platform), None)
        why = f"Its platform is {row.platform or 'not told by Beanstalk'}."
        if ends is None:
            why += " When its support ends is not known here."
        yield Deadline(row.name, "platform", f"Support of the platform of {row.name}", ends, reverse("deployments:services"), why, 180, 30)


def _versions(application: str) -> list[datetime | None]:
    return [version.created for version in beanstalk.versions(application, patience=_PATIENCE)]
