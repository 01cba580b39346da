"""What the estate should be: `estate.yaml` as values. The file is data; another estate of this kind is another file.

Reading and judging the file is `estate.reading`'s; what is really there is `estate.models`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from zoneinfo import ZoneInfo

from estate.ways_in import WaysIn


@dataclass(frozen=True, slots=True)
class Environment:
    key: str  # production
    name: str  # Production
    confirm: bool = False  # its name is typed before anything is changed
    least_role: str = ""  # who may change anything there: operator | releaser; "" leaves it to people.permissions


@dataclass(frozen=True, slots=True)
class Repository:
    key: str
    url: str


@dataclass(frozen=True, slots=True)
class Tier:
    """One Beanstalk environment of a target; `hosts` is how many there should be."""

    key: str
    name: str
    beanstalk: str
    hosts: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where code or configuration comes from; the first branch is the one proposed."""

    repository: Repository
    branches: tuple[str, ...]
    directory: str = ""  # where in the repository it begins; "" is its root


@dataclass(frozen=True, slots=True)
class S3Place:
    bucket: str
    key: str  # a key, or a prefix


@dataclass(frozen=True, slots=True)
class Shop:
    """`health` is the path that the target group asks."""

    url: str
    health: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """A name of CloudFront's, and the path of a file that is always there."""

    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Statics:
    area: str  # frontend | adminhtml
    theme: str  # "" for every theme of the area
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    source: str  # a path, taken literally
    target: str
    code: int


@dataclass(frozen=True, slots=True)
class Edits:
    """What a release changes in .user.ini and .htaccess."""

    user_ini: Mapping[str, str]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Something that is looked at on a host after a release: what is to be there. Which command asks it is `deployments.commands`'.

    `what`: file, line, owner, directories, service or user. `at` is a path or a name, `value` what it has to be.
    """

    what: str
    at: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Payout:
    """At this time of day; every day, or on these days of the month."""

    at: time
    days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Money:
    """When money is paid out: nothing is deployed from `before` to `after` these times, nor while such a process runs."""

    payouts: tuple[Payout, ...]
    before: timedelta
    after: timedelta
    processes: str  # how its processes' command lines contain it, e.g. "cashout:"
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Freeze:
    """Nothing is released from `start` to `end`, as estate.yaml writes them: once, or every week. Reckoned by `estate.freezes`.

    `services` is empty where it means all of them.
    """

    reason: str
    environments: tuple[str, ...]
    services: tuple[str, ...]
    start: str  # "2026-12-18 18:00" or "fri 16:00"
    end: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Workshop:
    """The build host: where a release is built once, in `folder`, and where its code asks the database, by `looks_with`.

    `looks_with` is an env.php there whose user of the database may only read, and that names no cache.
    """

    name: str
    address: str
    folder: str
    looks_with: str


@dataclass(frozen=True, slots=True)
class Target:
    """A service in an environment: what one release goes to. Tiers stand in the order in which they are released."""

    service: str  # the service's key
    service_name: str
    environment: Environment
    plan: str  # which plan releases it, e.g. "magento"
    lock_group: str
    application: str
    tiers: tuple[Tier, ...]
    code: Source
    configuration: Source
    bundles: S3Place
    secrets: S3Place
    shop: Shop | None
    statics: tuple[Statics, ...]
    shares: tuple[str, ...]
    edits: Edits
    address: str = ""  # where it answers besides, without being a shop
    proofs: tuple[Proof, ...] = ()
    money: Money | None = None
    approval: bool = False  # a second person has to approve each plan
    freezes: tuple[Freeze, ...] = ()
    cdn: tuple[Distribution, ...] = ()
    build: Workshop | None = None
    database: str = ""  # RDS's name of the instance that a migration changes

    @property
    def has_maintenance(self) -> bool:
        """Magento's maintenance mode; other applications have none."""
        return self.plan == "magento"

    @property
    def name(self) -> str:
        return f"{self.service_name} {self.environment.key}"

    def tier(self, key: str) -> Tier:
        """Raises KeyError."""
        return {tier.key: tier for tier in self.tiers}[key]


@dataclass(frozen=True, slots=True)
class Service:
    key: str
    name: str
    about: str
    targets: Mapping[str, Target]  # by environment


@dataclass(frozen=True, slots=True)
class ByHand:
    """What is installed by hand on an instance. `instance` and `gateway` are EC2's names; `ports` are (number, what listens there)."""

    key: str
    name: str
    about: str
    environment: Environment
    instance: str
    gateway: str
    volumes: int
    ports: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Rundeck:
    """`user` owns the token: by it an execution is known to be ours. Its jobs exclude the runs of `lock_group`."""

    url: str
    project: str
    environment: Environment
    lock_group: str
    user: str


@dataclass(frozen=True, slots=True)
class DeclaredAlarm:
    """An alarm as it should be in CloudWatch, in CloudWatch's own names. `link` names an IPSec connection by its Name tag.

    `service` and `environment`: a release of these is expected to raise it.
    """

    name: str
    about: str
    namespace: str
    metric: str
    statistic: str
    period: int  # seconds
    periods: int  # N
    datapoints: int  # M
    comparison: str
    threshold: float
    missing: str
    unit: str
    dimensions: Mapping[str, str]
    topics: tuple[str, ...]
    link: str = ""
    service: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Estate:
    name: str
    time_zone: ZoneInfo
    region: str
    environments: Mapping[str, Environment]
    repositories: Mapping[str, Repository]
    services: Mapping[str, Service]
    rundeck: Rundeck | None = None
    by_hand: Mapping[str, ByHand] = field(default_factory=dict)
    access: WaysIn | None = None
    alarms: Mapping[str, DeclaredAlarm] = field(default_factory=dict)  # by name
    observe: bool = False  # everything is looked at, nothing is changed

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(target for service in self.services.values() for target in service.targets.values())

    def target(self, service: str, environment: str) -> Target:
        """Raises UnknownTarget."""
        try:
            return self.services[service].targets[environment]
        except KeyError:
            raise UnknownTarget(service, environment, self) from None


class UnknownTarget(LookupError):
    """No such service, or not in that environment. Names what there is."""

    def __init__(self, service: str, environment: str, estate: Estate) -> None:
        known = ", ".join(f"{target.service} in {target.environment.key}" for target in estate.targets)
        super().__init__(f"There is no service “{service}” in “{environment}” in estate.yaml. There is: {known}.")
