"""What is kept: snapshots, objects, images, volumes, Terraform's state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from handover.checks.seen import Seen, age_of, aged, counted, listed, the
from handover.observed import Observed


def snapshot_of_each_day(observed: Observed, *, hours: int) -> Seen:
    """Of each database, the newest automated snapshot is no older than that."""
    said, right = [], True
    for database in observed.every("database"):
        taken = [str(each.facts["taken"]) for each in observed.every("database-snapshot", database=database.name, automated=True)]
        age = age_of(max(taken)) if taken else None
        right &= age is not None and age <= timedelta(hours=hours)
        said.append(f"{database.name}: {'none' if age is None else aged(age)}")
    return Seen(right and bool(said), listed(said))


def one_restore_point(observed: Observed) -> Seen:
    """Each database has one automated snapshot: what a retention of one day leaves."""
    counts = {
        each.name: len(observed.every("database-snapshot", database=each.name, automated=True)) for each in observed.every("database")
    }
    days = {each.name: each.facts["retention_days"] for each in observed.every("database")}
    said = listed([f"{name}: retention {days[name]} d, {counted('snapshot', count)}" for name, count in counts.items()])
    return Seen(bool(counts) and all(days[name] == 1 and count <= 2 for name, count in counts.items()), said)


def newest_object_is_younger(observed: Observed, *, bucket: str, hours: int) -> Seen:
    newest = str(the(observed, "bucket", bucket).facts.get("newest", ""))
    age = age_of(newest) if newest else None
    right = age is not None and age <= timedelta(hours=hours)
    return Seen(right, f"{bucket}: newest {'none' if age is None else aged(age)}", (bucket,))


def oldest_object_is_younger(observed: Observed, *, bucket: str, days: int) -> Seen:
    facts = the(observed, "bucket", bucket).facts
    oldest = str(facts.get("oldest", ""))
    age = age_of(oldest) if oldest else timedelta(0)
    return Seen(
        age <= timedelta(days=days),
        f"{bucket}: {counted('object', facts.get('objects', 0))}, oldest {aged(age)}",
        tuple(facts.get("keys", ())),
    )


def images_are_younger(observed: Observed, *, starting: str, days: int) -> Seen:
    found = observed.every("image", name={"starts": starting})
    ages = {each.name: age_of(str(each.facts["created"])).days for each in found}
    return Seen(
        bool(ages) and min(ages.values()) <= days,
        listed([f"{name}: {age} d old" for name, age in ages.items()]) or f"no image {starting}…",
    )


def data_volumes(observed: Observed, *, host: str, count: int, snapshot_hours: int = 0) -> Seen:
    """So many volumes besides the root one; each with a snapshot no older than that, where it is said."""
    machine = the(observed, "instance", host)
    found = observed.every("volume", instance=machine.id, root=False)
    said = [f"{each.name or each.id} {each.facts['gib']} GiB at {each.facts['device']}" for each in found]
    right = len(found) == count
    if snapshot_hours:
        for each in found:
            taken = [str(one.facts["taken"]) for one in observed.every("volume-snapshot", volume=each.id)]
            right &= bool(taken) and age_of(max(taken)) <= timedelta(hours=snapshot_hours)
            said.append(f"snapshot {aged(age_of(max(taken)))}" if taken else "no snapshot")
    return Seen(right, f"{host}: {listed(said) or 'no data volume'}", tuple(each.id for each in found))


def in_terraform(observed: Observed, *, names: Sequence[str]) -> Seen:
    """Terraform's state knows the instances of these hosts."""
    known = {str(each.facts.get("id", "")) for each in observed.every("terraform", type="aws_instance")}
    missing = [name for name in names if the(observed, "instance", name).id not in known]
    states = observed.every("terraform-state")
    serial = listed([f"serial {each.facts.get('serial', '?')}" for each in states])
    return Seen(
        not missing, f"not in the state: {listed(missing)}" if missing else f"{len(names)} hosts in the state, {serial}", tuple(names)
    )
