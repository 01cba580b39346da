"""Going back to an earlier release: which there are, whether the database lets them run, and the plan.

A database is never taken back. So a release may be deployed again only where the database that is there now fits its code; whether it does,
`deployments.schema` tells.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from deployments import actions, consent, estimate, kinds, plans, sources, steps
from deployments import facts as plan_facts
from deployments.actions import Choice, NotPlannable
from deployments.live import LABEL, live_commit, live_label
from deployments.models import Release
from deployments.steps import Shipment
from deployments.strategies import draining
from estate.definition import Target
from estate.models import Host
from people.models import Operator
from people.permissions import require
from remote.aws import beanstalk, storage
from runs import actions as runs
from runs.models import Plan, Run

_CONFIG_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Earlier:
    """A version that has been live here, or was built for here. `ours`: this console knows both commits of it and can build it again."""

    number: int
    label: str
    commit: str  # "" where its label names none that the repository has
    bucket: str
    key: str
    created: datetime | None
    ours: bool

    def __str__(self) -> str:
        return f"r{self.number}"


def earlier_of(target: Target) -> list[Earlier]:
    """Newest first. Asks Beanstalk and the code's repository; raises RemoteError."""
    code, heads = sources.fetched(target.code.repository, target.code.branches[0])
    ours = {release.label: release for release in _released(target)}
    were_live = _live_before(target)
    found = [Earlier(each.number, label, each.magento_commit, each.bucket, each.key, each.created, True) for label, each in ours.items()]
    for version in beanstalk.versions(target.application):
        match = LABEL.match(version.label)
        if match and version.label not in ours and version.label in were_live:
            commit = sources.complete(code, match["commit"], heads[target.code.branches[0]])
            found.append(Earlier(int(match["number"]), version.label, commit, version.bucket, version.key, version.created, False))
    return sorted(found, key=lambda each: -each.number)


def plan_again(target: Target, choice: Choice, *, relaunch_of: Run | None = None, by: Operator) -> Plan:
    """Of the release that `choice` names by its number. Raises Forbidden, NotPlannable, RemoteError."""
    require(by, "plan", target.environment.key)
    number = choice.release or 0
    if _released(target).filter(number=number).exists():
        return actions.plan_release(target, choice, relaunch_of=relaunch_of, by=by)
    earlier = next((each for each in earlier_of(target) if each.number == number), None)
    if earlier is None:
        raise NotPlannable(f"There is no release r{number} of {target.name}. Choose one of those that the service's page lists.")
    return _plan_from_shelf(target, earlier, choice, relaunch_of=relaunch_of, by=by)


def _plan_from_shelf(target: Target, earlier: Earlier, choice: Choice, *, relaunch_of: Run | None, by: Operator) -> Plan:
    """Somebody else built it; its bundle is deployed as it lies there."""
    hosts = actions.hosts_of(target)
    code, heads = sources.fetched(target.code.repository, target.code.branches[0])
    previous = live_label(target)
    live = live_commit(target, previous, code, heads[target.code.branches[0]])
    shipment = Shipment(earlier.label, earlier.bucket, earlier.key, "", earlier.commit, "", "")
    drain = draining.now(target)
    wanted = plans.Wanted(target, hosts, shipment, "", str(earlier), close_back_office=choice.close_back_office, drain=drain)
    kind = kinds.kind_of(target)
    drawn = plans.from_shelf(kind.draw(wanted), steps.on_shelf(target, shipment))
    timed, whole = estimate.timed(drawn.steps, target.lock_group, target.service)
    undone = code.log(earlier.commit, live) if earlier.commit and live else []
    facts: dict[str, Any] = {
        "release": str(earlier),
        "label": earlier.label,
        "previous_label": previous,
        "choice": {"branch": "", "sha": "", "other": {}},
        "again": True,
        "magento": sources.changes(code, branch=target.code.branches[0], old=live, new=earlier.commit or live),
        "configuration": _as_bundled(target),
        "edits": [],
        "modules": {"total": 0, "added": [], "removed": [], "enabled": [], "disabled": []},
        "bundle": _bundle(earlier, target),
        "hosts": [asdict(host) for host in hosts],
        "relaunch_of": relaunch_of.number if relaunch_of else None,
        "plan": target.plan,
        "close_back_office": choice.close_back_office,
        "warnings": [*_backwards(undone), *kind.warnings(wanted)],
        "estimate": whole.to_json(),
    }
    facts["differs"] = plan_facts.differences(relaunch_of.plan.document, {**drawn.to_json(), "facts": facts}) if relaunch_of else []
    saved = runs.save_plan(plans.with_facts(drawn, timed, facts), by=by)
    consent.ask_for_approval(saved, target)
    return saved


def _backwards(undone: Sequence[Any]) -> Iterator[str]:
    if undone:
        yield f"This takes {len(undone)} commits back (newest: “{undone[0].subject}”). The database is not taken back."
    yield "It was not built here: its configuration is the one that lies in the bundle."


def _as_bundled(target: Target) -> dict[str, Any]:
    name = target.configuration.repository.url.split(":")[-1].removesuffix(".git")
    return {"repository": name, "branch": "in the bundle", "from": "", "to": "", "commits": [], "files_changed": 0}


def _bundle(earlier: Earlier, target: Target) -> dict[str, Any]:
    """What its list of files tells, without fetching it whole."""
    try:
        with storage.opened(earlier.bucket, earlier.key) as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            hooks = [entry for entry in entries if entry.filename.startswith((".ebextensions/", ".platform/hooks/predeploy/"))]
            texts = ((each.filename, archive.read(each).decode("utf-8", "replace")) for each in hooks if each.file_size < _CONFIG_BYTES)
            unmounts = plan_facts.unmounting(texts, target.shares)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise NotPlannable(
            f"s3://{earlier.bucket}/{earlier.key} is no readable zip ({error}): {earlier} cannot be deployed again."
        ) from error
    git = [entry.filename for entry in entries if ".git" in entry.filename.split("/")]
    said = "found in " + ", ".join(git[:5]) if git else f"looked at {len(entries)} entries"
    return {
        "bucket": earlier.bucket,
        "key": earlier.key,
        "sha256": "",
        "files": sum(not entry.is_dir() for entry in entries),
        "bytes": sum(entry.compress_size for entry in entries),
        "evidence": [{"what": "No .git directory", "said": said, "ok": not git}],
        "replaced": [],
        "missing": [],
        "unmounts": unmounts,
    }


def _released(target: Target) -> Any:
    return Release.objects.filter(service=target.service, configuration_branch__in=target.configuration.branches)


def _live_before(target: Target) -> set[str]:
    """Labels that hosts of this target have, or that a plan found there."""
    place = {"service": target.service, "environment": target.environment.key}
    hosts = Host.objects.filter(**place).exclude(version="").values_list("version", flat=True)
    planned = Plan.objects.filter(**place, kind="release").values_list("document__facts__previous_label", flat=True)
    return {*hosts, *(label for label in planned.distinct() if label)}
