"""More that must be true before a release begins: work under way, files that would be lost, alarms, and what the strategy needs.

Told to `deployments.gates` when the app starts; each is asked of the world.
"""

from __future__ import annotations

from collections.abc import Iterator

from deployments import commands, gates
from deployments.doors import runner
from deployments.effects.hosts import LOOK_SECONDS
from deployments.gates import Asked, Gate
from deployments.models import Artifact
from deployments.strategies import AS_WRITTEN, curtain, preparing
from deployments.strategies import commands as once
from deployments.strategies.steps import POLICY, ROLLING
from remote.aws import balancer, beanstalk, metrics, storage
from remote.errors import RemoteError
from remote.ssh.connections import Result


def install() -> None:
    for gate in (work, uploads, alarms, policy, decision, curtain_room):
        gates.register(gate)


def work(asked: Asked) -> Iterator[Gate]:
    """Imports, indexers, cron: on the back office, where they run."""
    if not asked.target.has_maintenance:
        return
    title, host = "No job of Magento is in flight", asked.hosts[0]
    try:
        found = runner().probe(host.ip, once.jobs().argv, deadline=LOOK_SECONDS)
    except RemoteError as error:
        yield Gate("work", title, "unknown", f"{host.name} cannot be asked: {error}")
        return
    lines = tuple(found.out.decode("utf-8", "replace").strip().splitlines())
    if found.rc == 1:
        yield Gate("work", title, "ok", f"none on {host.name}")
    elif found.rc != 0:
        yield Gate("work", title, "unknown", f"pgrep on {host.name} ended with exit code {found.rc}")
    elif all("cron:run" in line for line in lines) or asked.facts.get("strategy", AS_WRITTEN) != AS_WRITTEN:
        yield Gate("work", title, "warn", f"{len(lines)} on {host.name}: {_short(lines)}", lines)
    else:
        yield Gate("work", title, "bad", f"{host.name} works at {_short(lines)}: wait for it, for nothing stops it here", lines)


def _short(lines: tuple[str, ...]) -> str:
    return "; ".join(line.partition("bin/magento ")[2][:60] or line[:60] for line in lines[:3])


def uploads(asked: Asked) -> Iterator[Gate]:
    """What came by ftp into the web root goes with the old release (magento.md 7)."""
    if not any(proof.what == "user" for proof in asked.target.proofs):
        return
    title = "No upload would be lost"
    for host in asked.hosts:
        try:
            found = _newer(host.ip)
        except RemoteError as error:
            yield Gate("uploads", title, "unknown", f"{host.name} cannot be asked: {error}")
            return
        files = tuple(found.out.decode("utf-8", "replace").split())
        if found.rc != 0:
            yield Gate("uploads", title, "unknown", f"find on {host.name} ended with exit code {found.rc}")
        elif files:
            many = f"{len(files)} files on {host.name} are" if len(files) > 1 else f"1 file on {host.name} is"
            said = f"{many} newer than its release and would go with it ({files[0]}): fetch what is needed first"
            yield Gate("uploads", title, "bad", said, files[1:20])
        else:
            yield Gate("uploads", title, "ok", f"nothing newer than the release on {host.name}")


def _newer(ip: str) -> Result:
    """Than what Beanstalk wrote last, whichever platform it is."""
    first, second = (commands.newer_files(manifest) for manifest in commands.MANIFESTS)
    found = runner().probe(ip, first.argv, deadline=LOOK_SECONDS)
    return found if found.rc == 0 else runner().probe(ip, second.argv, deadline=LOOK_SECONDS)


def alarms(asked: Asked) -> Iterator[Gate]:
    """Said, and not in the way: a release is often what mends them."""
    title = "No alarm is firing"
    try:
        names = tuple(each.name for each in metrics.firing())
    except RemoteError as error:
        yield Gate("alarms", title, "warn", f"CloudWatch cannot be asked: {error}")
        return
    said = ", ".join(names)
    yield Gate("alarms", title, "warn" if names else "ok", said[:200] or "none", names if len(said) > 200 else ())


def policy(asked: Asked) -> Iterator[Gate]:
    """A window that was broken off may have left Beanstalk deploying to all hosts at once."""
    if not asked.target.has_maintenance:
        return
    title = "Beanstalk rolls, host by host"
    found = {}
    for tier in asked.target.tiers:
        try:
            found[tier.beanstalk] = beanstalk.option_settings(asked.target.application, tier.beanstalk).get(
                (once.COMMAND, POLICY), "unknown"
            )
        except RemoteError as error:
            yield Gate("policy", title, "unknown", f"{tier.beanstalk} cannot be asked: {error}")
            return
    seen = tuple(f"{name}: {value}" for name, value in found.items())
    others = [f"{name} is on {value}" for name, value in found.items() if value != ROLLING]
    through_window = (asked.facts.get("decision") or {}).get("path") == "window"
    if not others:
        yield Gate("policy", title, "ok", f"{len(found)} of {len(found)}", seen)
    else:
        said = f"{', '.join(others)}: the operation “Restore the rolling deployments” puts them back"
        yield Gate("policy", title, "warn" if through_window else "bad", said, seen)


def decision(asked: Asked) -> Iterator[Gate]:
    """What was built is there, and what the database said still holds."""
    decided = asked.facts.get("decision")
    if not decided:
        return
    artifact = Artifact.objects.filter(key=decided["key"]).first()
    title = "What was built, and what it was told, still hold"
    if artifact is None:
        yield Gate("decision", title, "bad", "the console does not know it any more: prepare the release again")
        return
    try:
        missing = [key for key in (artifact.key, artifact.statics_key) if storage.head(artifact.bucket, key) is None]
    except RemoteError as error:
        yield Gate("decision", title, "unknown", f"the bucket cannot be asked: {error}")
        return
    stale = "" if asked.facts.get("relaunch_of") else preparing.why_stale(artifact, asked.target, own_run=asked.own_run or 0)
    if missing:
        yield Gate("decision", title, "bad", f"not in the bucket any more: {', '.join(missing)}")
    elif stale:
        yield Gate("decision", title, "bad", f"{stale} Prepare the release again")
    else:
        yield Gate("decision", title, "ok", f"asked {artifact.asked:%d %b %H:%M} UTC, both archives are there")


def curtain_room(asked: Asked) -> Iterator[Gate]:
    """The rules that the curtain needs have to be free, on every listener."""
    if (asked.facts.get("decision") or {}).get("path") != "window":
        return
    title = "The curtain's places at the load balancer are free"
    try:
        place = curtain.place_of(asked.target)
        if place is None:
            yield Gate("curtain", title, "unknown", "no load balancer of the front end is known")
            return
        taken = [
            f"port {port}: priority {rule.priority}"
            for listener, port in place.listeners
            for rule in _others(listener, curtain.name_of(asked.target), {asked.own_run, asked.facts.get("relaunch_of")})
            if rule.priority in curtain.RULES.values()
        ]
    except RemoteError as error:
        yield Gate("curtain", title, "unknown", f"the load balancer cannot be asked: {error}")
        return
    if taken:
        yield Gate(
            "curtain", title, "bad", f"in use: {'; '.join(taken)}. Move those rules behind 9, or open the curtain that is left there"
        )
    else:
        yield Gate("curtain", title, "ok", f"on {len(place.listeners)} listeners")


def _others(listener: str, target: str, runs: set[int | None]) -> Iterator[balancer.Rule]:
    ours = {rule.arn for rule, tags in curtain.rules_on(listener, target) if tags.get(curtain.RUN) in {str(run) for run in runs if run}}
    yield from (rule for rule in balancer.rules(listener) if not rule.is_default and rule.arn not in ours)
