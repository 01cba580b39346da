"""The truth: what the box says was done and how it stands now, held against what the console says.

A world is written down without labels and times, so that releases of different commits can be compared: after any fault it must be the one
that a release without faults leaves, or the console must say that it does not know.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faults import journal, timing
from faults.processes import NotThere, until
from faults.ways import prefix_lists

if TYPE_CHECKING:
    from faults.rig import Rig

NO_DEEDS = ("throttled ", "bin/magento setup:db:status")  # the second reads only; the scheduler asks it after a release that failed
HONEST = ("unknown", "waiting")
_OWN_WORDS = re.compile(r"\$ |\d+ lines of its logs are kept$")  # the console's, about what it does on a host
_CONTENT_VERSION = re.compile(r" --content-version=\d+")  # of statics that are generated beside the old ones: whatever the host had


@dataclass(frozen=True, slots=True)
class Before:
    """Where the box's list of deeds, its statics, its versions and the number of its things stood when a run began."""

    deeds: int
    statics: dict[str, str]
    labels: dict[str, str]
    things: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class World:
    """What a release has left. `deeds` counts what was done, by what and where, and what is there more than before."""

    hosts: dict[str, dict[str, Any]]
    environments: dict[str, dict[str, Any]]
    stored: bool
    deeds: Counter[str] = field(default_factory=Counter)

    def differences(self, other: World) -> list[str]:
        found = []
        for name, theirs in other.hosts.items():
            mine = self.hosts.get(name, {})
            found += [
                f"{name}: {key} is {mine.get(key)!r}, without the fault {value!r}"
                for key, value in theirs.items()
                if mine.get(key) != value
            ]
        for name, theirs in other.environments.items():
            if self.environments.get(name) != theirs:
                found.append(f"{name}: {self.environments.get(name)}, without the fault {theirs}")
        if self.stored != other.stored:
            found.append("the bundle is not in the bucket with the plan's bytes")
        for what in sorted({*self.deeds, *other.deeds}):
            if self.deeds[what] != other.deeds[what]:
                found.append(f"{what}: done {self.deeds[what]} times, without the fault {other.deeds[what]} times")
        return found


def before(rig: Rig) -> Before:
    hosts = rig.state()["hosts"]
    statics, labels = ({host["name"]: host[what] for host in hosts} for what in ("statics", "label"))
    return Before(len(rig.deeds()), statics, labels, things(rig))


def things(rig: Rig) -> Counter[str]:
    """How many there are of what is no deed of a host's or of Beanstalk's."""
    index = rig.host_root("openvpn") / "root/easy-rsa/pki/index.txt"
    lines = index.read_text().splitlines() if index.exists() else []
    groups = rig.aws("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": ["client-gateway"]}])["SecurityGroups"]
    found = Counter({f"certificates {line[:1]}": 0 for line in lines})
    found.update(f"certificates {line[:1]}" for line in lines)
    found["rules of the gateway"] = sum(len(each["IpRanges"]) for group in groups for each in group["IpPermissions"])
    for each in prefix_lists(rig):
        entries = rig.aws("ec2").get_managed_prefix_list_entries(PrefixListId=each["PrefixListId"])["Entries"]
        found["entries of the gateway's list"] = len(entries)
    found["snapshots of volumes"] = len(rig.aws("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"])
    cdn = rig.aws("cloudfront")
    for each in cdn.list_distributions()["DistributionList"].get("Items", ()):
        found["invalidations"] += cdn.list_invalidations(DistributionId=each["Id"])["InvalidationList"]["Quantity"]
    found["mute rules"] = len(rig.aws("cloudwatch").list_alarm_mute_rules()["AlarmMuteRuleSummaries"])
    return found


def world(rig: Rig, plan: Mapping[str, Any], began: Before) -> World:
    """As the box and AWS's own API say it. Waits for the last visitors' health to settle."""
    settle(rig, plan)
    return world_now(rig, plan, began)


def settle(rig: Rig, plan: Mapping[str, Any]) -> None:
    """Raises NotThere where the plan's hosts do not come to rest."""
    names = {host["instance_id"] for host in plan["facts"]["hosts"]}
    try:
        until("the box to come to rest", lambda: not _restless(rig, names), seconds=20, pause=0.2)
    except NotThere as error:
        raise NotThere(f"{error}: {_restless(rig, names)}") from None


def world_now(rig: Rig, plan: Mapping[str, Any], began: Before) -> World:
    """The same, whether it has come to rest or not: what was done is known in any case."""
    label, names = plan["facts"].get("label"), {host["instance_id"]: host for host in plan["facts"]["hosts"]}
    hosts = {
        host["name"]: {
            "version": _version(host["label"], label, began),
            "unpacked": host["unpacked"],
            "maintenance": host["maintenance"],
            "database fits": host["database_fits"],
            "statics": "none" if not host["statics"] else "new" if host["statics"] != began.statics[host["name"]] else "old",
            "mounts": host["mounts"],
            "page": host["home"],
            "health check": host["health_check"],
        }
        for host in rig.state()["hosts"]
        if host["instance_id"] in names
    }
    wanted = sorted({host["beanstalk"] for host in names.values()})
    found = rig.aws("elasticbeanstalk").describe_environments(EnvironmentNames=wanted)["Environments"] if wanted else []
    environments = {
        each["EnvironmentName"]: {
            "version": _version(each["VersionLabel"], label, began),
            "status": each["Status"],
        }
        for each in found
    }
    deeds: Counter[str] = Counter(
        f"{_CONTENT_VERSION.sub('', deed['what'])} on {deed['target']}"
        for deed in rig.deeds(began.deeds)
        if not deed["what"].startswith(NO_DEEDS)
    )
    now = things(rig)
    deeds.update({what: now[what] - began.things[what] for what in now if now[what] != began.things[what]})
    return World(hosts, environments, _stored(rig, plan), deeds)


def _version(found: str, planned: str | None, began: Before) -> str:
    """An operation has no version of its own: it leaves what there was."""
    if planned is None:
        return "as before" if found in began.labels.values() else found
    return "the plan's" if found == planned else found


def _restless(rig: Rig, names: Collection[str]) -> list[str]:
    """Hosts that do not show visitors their page, and are not closed on purpose."""
    mine = [host for host in rig.state()["hosts"] if host["instance_id"] in names]
    return [f"{host['name']} answers {host['home']}" for host in mine if host["home"] != 200 and not host["maintenance"]]


def _stored(rig: Rig, plan: Mapping[str, Any]) -> bool:
    put = next((act["params"] for step in plan["steps"] for act in step["acts"] if act["kind"] == "s3.put"), None)
    if put is None:
        return True
    found = rig.aws("s3").list_objects_v2(Bucket=put["bucket"], Prefix=put["key"])
    return any(each["Key"] == put["key"] for each in found.get("Contents", ()))


def judge(rig: Rig, plan: Mapping[str, Any], run: Mapping[str, Any], began: Before, reference: World, *, honest: bool = True) -> list[str]:
    """What is wrong. `honest`: an `unknown` is no violation by itself, but nothing may have been done twice then either.

    Hosts that do not come to rest excuse nothing: what was done is counted, and the run's words, its log and its numbers are looked at.
    """
    unsettled = _unsettled(rig, plan)
    now = world_now(rig, plan, began)
    found = [f"twice: {what} ({count} times)" for what, count in now.deeds.items() if count > max(1, reference.deeds[what])]
    if run["state"] == "succeeded":
        found += unsettled
        found += [
            each
            for each in now.differences(reference)
            if not any(each.startswith(twice.partition(": ")[2].partition(" (")[0]) for twice in found)
        ]
        found += shown(rig, plan, run)
    elif run["state"] not in HONEST or not honest:
        found.append(f"the run says {run['state']}: {run['said']}")
    return found + backwards(run) + log_is_whole(rig, plan, run) + overlaps(rig, run["id"])


def _unsettled(rig: Rig, plan: Mapping[str, Any]) -> list[str]:
    try:
        settle(rig, plan)
    except NotThere as error:
        return [f"the hosts do not answer visitors: {error}"]
    return []


def shown(rig: Rig, plan: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """The page and the API say what is so (P11)."""
    found = []
    truth = {host["name"]: host for host in rig.state()["hosts"]}
    for host in run["hosts"]:
        if host["version"] != truth[host["name"]]["label"]:
            found.append(f"the screen says {host['version']} on {host['name']}, there is {truth[host['name']]['label']}")
    open_steps = [step["key"] for step in run["steps"] if step["state"] not in ("done", "skipped", "by_hand")]
    if open_steps:
        found.append(f"succeeded, with open steps: {', '.join(open_steps)}")
    if run["holds_lock"]:
        found.append("succeeded, and holds its lock")
    return found if any(step["started"] for step in run["steps"]) else [*found, "no step has begun"]


def backwards(run: Mapping[str, Any]) -> list[str]:
    """No time is negative, whatever became of the run (P10)."""
    timed = [step for step in run["steps"] if step["started"] and step["ended"]]
    return [f"{step['key']} ended before it began" for step in timed if _time(step["ended"]) < _time(step["started"])]


def log_is_whole(rig: Rig, plan: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """Numbers without gaps, and each line that a command wrote on its host once and in its order.

    A run that does not know may not have read all that its commands wrote, and one that failed has copied more from its hosts than that.
    """
    lines = rig.log(run["id"])
    found = []
    numbers = [line["seq"] for line in lines]
    if numbers != list(range(1, len(numbers) + 1)):
        found.append(f"the log's numbers are not 1 … {len(numbers)}")
    compared = run["state"] == "succeeded" or run["state"] in HONEST
    for host in {host["name"] for host in plan["facts"]["hosts"]} if compared else ():
        wrote = Counter(line for piece in _outputs(rig, host, run["id"]) for line in piece)
        texts = [_plain(line["text"]) for line in lines if line["host"] == host]
        kept = Counter(line for line in texts if line.strip() and not _OWN_WORDS.match(line))
        lost, doubled = wrote - kept if run["state"] == "succeeded" else Counter[str](), kept - wrote
        if lost or doubled:
            found.append(
                f"log of {host}: lost {sum(lost.values())} lines {list(lost)[:2]}, has {sum(doubled.values())} too many {list(doubled)[:2]}"
            )
    return found


def own_lines(rig: Rig, run: int) -> list[str]:
    """Each line that the console itself said is in the log, wherever the database was: it exists nowhere else.

    It may stand there once more for each time that it went to the spool (docs/decisions/0007). What somebody says whose lease another one
    has taken is no longer the run's.
    """
    folder = rig.folder / "console" / "spool"
    with contextlib.suppress(NotThere):  # what is left there is missing below
        until("the spool to be stored", lambda: not any(folder.glob("*.jsonl")), seconds=10)
    must, may, newest = Counter[tuple[str, str]](), Counter[tuple[str, str]](), 0
    for entry in journal.read(rig.journal, run):
        if entry["what"] == "claim":
            newest = max(newest, entry["epoch"])
        elif entry["what"] in ("told", "spooled"):
            lines = [(entry["host"], line) for line in entry["lines"]]
            may.update(lines)
            must.update(lines if entry["what"] == "told" and entry["epoch"] >= newest else ())
    kept = Counter((line["host"], line["text"]) for line in rig.log(run))
    lost, doubled = must - kept, Counter({line: count for line, count in (kept - may).items() if line in may})
    return [
        f"of the console's own lines {sum(which.values())} {what}: {list(which)[:3]}"
        for what, which in (("are lost", lost), ("are there too often", doubled))
        if which
    ]


def stolen(rig: Rig, run: int) -> list[str]:
    """Nobody may claim a run before its lease is over, by the one clock that all processes of this machine share."""
    found: list[str] = []
    holder: dict[str, Any] = {}
    for entry in journal.read(rig.journal, run):
        if entry["what"] == "claim" and holder and (left := holder["asked"] + timing.LEASE - entry["t"]) > 0:
            found.append(f"number {entry['epoch']} was claimed {left:.1f} s before the lease of {holder['epoch']} was over")
        if entry["what"] in ("claim", "renewed"):
            holder = entry
        elif entry["what"] == "released" and entry["epoch"] == holder.get("epoch"):
            holder = {}
    return found


def _outputs(rig: Rig, host: str, run: int) -> Sequence[list[str]]:
    folder = rig.host_root(host) / "var/lib/opsconsole" / str(run)
    logs = sorted(folder.glob("*/log"), key=lambda path: path.stat().st_ctime) if folder.is_dir() else []
    return [[_plain(line) for line in log.read_text(errors="replace").split("\n") if _plain(line).strip()] for log in logs]


def _plain(line: str) -> str:
    """Without what only moves a cursor: a line that was drawn over stands as it was seen last."""
    from runs.lines import shown as as_shown

    return as_shown(line.encode())


def overlaps(rig: Rig, run: int) -> list[str]:
    """Nobody does an effect while somebody else does it, and nobody with an older number after a newer one has begun."""
    found = []
    doing: dict[str, dict[str, Any]] = {}
    newest: dict[str, int] = {}
    looked: dict[tuple[int, str], float] = {}
    struck: dict[int, list[dict[str, Any]]] = {}
    for cut in _cuts(rig):
        struck.setdefault(cut["pid"], []).append(cut)
    for entry in journal.read(rig.journal, run):
        key = entry.get("key", "")
        if entry["what"] == "looked":
            looked[entry["pid"], key] = entry["asked"]
        elif entry["what"] == "do":
            asked = looked.pop((entry["pid"], key), entry["t"])  # a look is good for one deed
            other = doing.get(key)
            if other is not None and other["pid"] != entry["pid"] and other["pid"] not in struck and not has_ended(rig, other["pid"]):
                found.append(f"{key} was done by two processes at once")
            if entry["epoch"] < newest.get(key, 0) and not _had_looked(struck.get(entry["pid"], ()), asked, entry["t"]):
                found.append(f"{key} was done under number {entry['epoch']} after {newest[key]}")
            newest[key] = max(newest.get(key, 0), entry["epoch"])
            doing[key] = entry
        elif entry["what"] in ("did", "raised"):
            doing.pop(key, None)
    return found


def _cuts(rig: Rig) -> Iterator[dict[str, Any]]:
    """What was struck: its process, the act that it was at, and when it was woken, if it was stopped."""
    for marker in rig.folder.glob("cut-????????????????????????????????"):
        if marker.read_text():
            go = Path(f"{marker}.go")
            woken = go.read_text() if go.exists() else ""
            yield {**json.loads(marker.read_text()), "woken": float(woken) if woken else None}


def _had_looked(cuts: Sequence[Mapping[str, Any]], asked: float, began: float) -> bool:
    """Stopped at one host's act, while another host's thread had looked at the lease and was about to begin: the engine names that window.

    Its runner knows the command; that it ran once the box says.
    """
    return any(cut["woken"] is not None and asked < cut["woken"] <= began for cut in cuts)


def has_ended(rig: Rig, pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def resumed_after(rig: Rig, run: int, moment: float, dead: int) -> float | None:
    """Seconds until somebody else had claimed the run; None where nobody has."""
    return next(
        (
            entry["t"] - moment
            for entry in journal.read(rig.journal, run)
            if entry["what"] == "claim" and entry["t"] > moment and entry["pid"] != dead
        ),
        None,
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
