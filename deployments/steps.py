"""The steps of a release, in the words of the hand-over document. Pure: what they do to the world is in `deployments.effects`.

`seconds` are the usual times until there are earlier runs (`deployments.estimate`); believed, from the fact sheet on Magento.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deployments import commands
from deployments.commands import Command
from estate.definition import Statics, Target, Tier
from runs.plan import Act, Step

DRAIN_SECONDS = 20  # Beanstalk's default; an environment may have been given more
ROLLING_SECONDS = DRAIN_SECONDS + 13 + 45 + 120  # of one host: drain, replace, target healthy, checks; its commands come on top
COMMANDS_SECONDS = 160  # of the configuration repository's container_commands, on each host
SIMPLE_SECONDS = 15  # of the few commands of the smaller applications, believed
LEADER_SECONDS = 180  # setup:upgrade on the leader of an environment


@dataclass(frozen=True, slots=True)
class PlannedHost:
    """A host as it was when the plan was made. A host that is replaced meanwhile is another host: the run stops there."""

    name: str
    instance_id: str
    ip: str
    tier: str
    beanstalk: str


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is released: one label, one bundle, two commits."""

    label: str
    bucket: str
    key: str
    sha256: str
    magento_commit: str
    configuration_commit: str
    configuration_branch: str


def preflight() -> Step:
    return Step("preflight", "Check everything once more", (Act("release.gates", "gates", "console"),), _PREFLIGHT, "console", 5)


def check_versions(target: Target, shipment: Shipment, code_branch: str) -> Step:
    """A1. The heads must still be what was shown."""
    acts = (
        _heads("code", target.code.repository.url, code_branch, shipment.magento_commit),
        _heads("configuration", target.configuration.repository.url, shipment.configuration_branch, shipment.configuration_commit),
    )
    return Step("check-versions", "Check that both repositories have not moved", acts, where="console", seconds=3)


def maintenance(hosts: Sequence[PlannedHost], *, on: bool) -> Step:
    """A2 and A8."""
    key, title = (
        ("maintenance-on", "Put the shop into maintenance mode") if on else ("maintenance-off", "Take the shop out of maintenance mode")
    )
    command = commands.maintenance(on=on)
    acts = tuple(_on(host, "magento.maintenance", f"{key}:{host.name}", command, on=on) for host in hosts)
    return Step(key, title, acts, where=_names(hosts), seconds=3, parallel=True)


def build_bundle(target: Target, shipment: Shipment) -> Step:
    """A3, the Rundeck job's first half: clone, edit, merge, delete .git, zip. From git objects, so there is no .git to delete."""
    words = _RUNDECK if target.edits.user_ini or target.edits.redirects else _MERGE
    act = Act("bundle.build", "bundle", "console", params=_contents(target, shipment), words=words)
    return Step("build", "Build the bundle from both repositories", (act,), where="console", seconds=5)


def ship(target: Target, shipment: Shipment) -> Step:
    upload = commands.upload(shipment.label + ".zip", shipment.bucket, shipment.key)
    create = commands.create_version(target.application, shipment.label, shipment.bucket, shipment.key)
    place = _contents(target, shipment) | {"bucket": shipment.bucket, "key": shipment.key}
    version = {"application": target.application, "label": shipment.label, "bucket": shipment.bucket, "key": shipment.key}
    acts = (
        Act("s3.put", "upload", "AWS", upload.argv, params=place),
        Act("beanstalk.version", "version", "AWS", create.argv, params=version),
    )
    return Step("ship", "Upload the bundle and register the version", acts, where="AWS", seconds=10)


def register(target: Target, shipment: Shipment) -> Step:
    """Of a bundle that is in the bucket already: it was built there."""
    create = commands.create_version(target.application, shipment.label, shipment.bucket, shipment.key)
    version = {"application": target.application, "label": shipment.label, "bucket": shipment.bucket, "key": shipment.key}
    act = Act("beanstalk.version", "version", "AWS", create.argv, params=version)
    return Step("ship", "Register the version that was built", (act,), where="AWS", seconds=3)


def on_shelf(target: Target, shipment: Shipment) -> Step:
    """Instead of building and shipping: the bundle of an earlier release lies where it was put then."""
    look = commands.describe_version(target.application, shipment.label)
    params = {"application": target.application, "label": shipment.label, "bucket": shipment.bucket, "key": shipment.key}
    act = Act("release.shelf", "shelf", "AWS", look.argv, params=params)
    return Step("on-shelf", "See that its version and its bundle are still there", (act,), _SHELF, "AWS", 2)


def deploy(target: Target, tier: Tier, hosts: Sequence[PlannedHost], shipment: Shipment, *, drain: int = DRAIN_SECONDS) -> Step:
    """A3, the second half, and A3b: maintenance is switched off on a host whose deployment is over, if it is found on there."""
    command = commands.update_environment(tier.beanstalk, shipment.label)
    params = _target(target) | {"beanstalk": tier.beanstalk, "label": shipment.label}
    update = Act("beanstalk.update", f"update:{tier.key}", tier.beanstalk, command.argv, params=params)
    off = commands.maintenance(on=False)
    reopen = tuple(_on(host, "magento.reopen", f"reopen:{host.name}", off, **_target(target), label=shipment.label) for host in hosts)
    seconds = len(hosts) * (ROLLING_SECONDS - DRAIN_SECONDS + drain + COMMANDS_SECONDS) + LEADER_SECONDS
    return Step(f"deploy-{tier.key}", f"Deploy the {tier.name.lower()}", (update, *reopen), _ROLLING, _names(hosts), seconds, parallel=True)


def roll_out(target: Target, tier: Tier, hosts: Sequence[PlannedHost], shipment: Shipment) -> Step:
    """The same of an application without maintenance mode and statics: credentials, schema and ownership are the configuration's."""
    command = commands.update_environment(tier.beanstalk, shipment.label)
    params = _target(target) | {"beanstalk": tier.beanstalk, "label": shipment.label}
    update = Act("beanstalk.update", f"update:{tier.key}", tier.beanstalk, command.argv, params=params)
    seconds = len(hosts) * (ROLLING_SECONDS + SIMPLE_SECONDS)
    return Step(f"deploy-{tier.key}", f"Deploy the {tier.name.lower()}", (update,), _ONE_HOST, _names(hosts), seconds)


def no_payout(target: Target, hosts: Sequence[PlannedHost]) -> Step:
    """Added: asked in the preflight too, but minutes may have passed since."""
    processes = target.money.processes if target.money else ""
    params = _target(target) | {"hosts": [asdict(host) for host in hosts], "processes": processes}
    act = Act("money.quiet", "no-payout", "console", params=params, words="the gates about payouts, asked again")
    return Step("no-payout", "Check once more that no payout is near", (act,), _NO_PAYOUT, "console", 2)


def prove(target: Target, hosts: Sequence[PlannedHost]) -> Step:
    """What the document has the deployment set up, looked at on the host."""
    acts = []
    for host in hosts:
        for number, proof in enumerate(target.proofs, 1):
            command, params = commands.look_for(proof)
            acts.append(_on(host, "host.look", f"proof-{number}:{host.name}", command, **params))
    return Step("prove", "Look at what the deployment has set up", tuple(acts), _PROVE, _names(hosts), 5)


def clear_statics(host: PlannedHost) -> Step:
    """A4. Once for all hosts, for the share is one; never without the mount and its .htaccess."""
    acts = (
        _on(host, "host.look", "statics-mounted", commands.is_mounted(commands.STATIC)),
        _on(host, "host.look", "statics-htaccess", commands.is_there(f"{commands.STATIC}/.htaccess")),
        _on(host, "host.command", "clear-statics", commands.clear_statics(), share=commands.STATIC),
    )
    return Step("clear-statics", "Delete the old statics", acts, _CLEAR, host.name, 4)


def generate_statics(host: PlannedHost, statics: Statics, *, version: str = "") -> Step:
    """A5 and A6. `version`: the one that is live and stays so meanwhile."""
    step = f"statics-{statics.area}"
    command = commands.deploy_statics(statics, version=version)
    act = _on(host, "host.command", step, command, files=list(commands.files_of(statics)), fatal=r"\(status: [1-9]")
    title = f"Generate the statics: {statics.area} {statics.theme} {' '.join(statics.languages)}".replace("  ", " ")
    return Step(step, title, (act,), where=host.name, seconds=95 if statics.area == "frontend" else 75)


def look_at_statics(host: PlannedHost) -> Step:
    acts = (
        _on(host, "host.look", "share-mounted", commands.is_mounted(commands.STATIC)),
        _on(host, "host.look", "share-htaccess", commands.is_there(f"{commands.STATIC}/.htaccess")),
    )
    return Step("look-at-statics", "See that the share is mounted and has its .htaccess", acts, _SHARE, host.name, 2)


def new_statics_version(host: PlannedHost) -> Step:
    """All files are there: from here on pages ask for them under another version, and no cache in between has old ones."""
    act = _on(host, "host.command", "statics-version", commands.new_statics_version())
    return Step("statics-version", "Give the statics a new version", (act,), _FLIP, host.name, 3)


def restart(target: Target, tier: Tier, hosts: Sequence[PlannedHost]) -> Step:
    command = commands.restart(tier.beanstalk)
    params = _target(target) | {"beanstalk": tier.beanstalk}
    act = Act("beanstalk.restart", f"restart:{tier.key}", tier.beanstalk, command.argv, params=params)
    return Step(f"restart-{tier.key}", f"Restart the {tier.name.lower()}'s servers", (act,), where=_names(hosts), seconds=12)


def fetch_logs(target: Target, tier: Tier, hosts: Sequence[PlannedHost]) -> Step:
    command = commands.request_logs(tier.beanstalk)
    told = {host.instance_id: {"name": host.name, "ip": host.ip} for host in hosts}
    params = _target(target) | {"beanstalk": tier.beanstalk, "hosts": told}
    act = Act("beanstalk.logs", f"logs:{tier.key}", tier.beanstalk, command.argv, params=params)
    return Step(f"logs-{tier.key}", f"Fetch the {tier.name.lower()}'s logs", (act,), where=_names(hosts), seconds=12)


def invalidate(domains: Sequence[str], path: str) -> Step:
    acts = tuple(
        Act(
            "cdn.invalidate",
            f"invalidate:{domain}",
            domain,
            commands.invalidate(domain, path).argv,
            params={"domain": domain, "path": path},
        )
        for domain in domains
    )
    return Step("invalidate", f"Make {' and '.join(domains)} forget {path}", acts, where="CloudFront", seconds=60, parallel=True)


def fetch_bundles(target: Target, tier: Tier, hosts: Sequence[PlannedHost]) -> Step:
    command = commands.request_logs(tier.beanstalk, kind="bundle")
    told = {host.instance_id: {"name": host.name, "ip": host.ip} for host in hosts}
    params = _target(target) | {"beanstalk": tier.beanstalk, "hosts": told}
    act = Act("beanstalk.bundles", f"bundles:{tier.key}", tier.beanstalk, command.argv, params=params)
    return Step(f"bundles-{tier.key}", f"Fetch all logs of the {tier.name.lower()}", (act,), where=_names(hosts), seconds=30)


def flush_cache(hosts: Sequence[PlannedHost]) -> Step:
    """A7."""
    acts = tuple(_on(host, "host.command", f"flush:{host.name}", commands.flush_cache()) for host in hosts)
    return Step("flush-cache", "Flush the cache", acts, where=_names(hosts), seconds=4, parallel=True)


def verify(target: Target, hosts: Sequence[PlannedHost], shipment: Shipment) -> Step:
    """Added: Beanstalk's "completed successfully" is not believed; every host, both lights and the shop itself are asked."""
    params = _target(target) | {"label": shipment.label, "hosts": [host.instance_id for host in hosts]}
    act = Act("release.verify", "verify", "console", params=params)
    asked = "the shop" if target.shop else "its address"
    return Step("verify", f"Compare every host and ask {asked} from outside", (act,), _VERIFY, "console", 30)


def _contents(target: Target, shipment: Shipment) -> dict[str, Any]:
    """What a bundle is made of: with these, any machine makes the same bytes."""
    return _target(target) | {
        "magento_commit": shipment.magento_commit,
        "configuration_commit": shipment.configuration_commit,
        "configuration_branch": shipment.configuration_branch,
        "sha256": shipment.sha256,
    }


def _target(target: Target) -> dict[str, Any]:
    return {"service": target.service, "environment": target.environment.key}


def _heads(key: str, url: str, branch: str, commit: str) -> Act:
    return Act(
        "git.heads", f"heads:{key}", "console", commands.heads(url, branch).argv, params={"url": url, "branch": branch, "commit": commit}
    )


def _on(host: PlannedHost, kind: str, key: str, command: Command, **params: Any) -> Act:
    address = {"ip": host.ip, "instance_id": host.instance_id}
    return Act(kind, key, host.name, command.argv, command.words, address | params)


def _names(hosts: Sequence[PlannedHost]) -> str:
    return ", ".join(host.name for host in hosts)


_PREFLIGHT = "The gates of the plan, asked again now. Reads only. Added to the document's steps."
_ROLLING = (
    "Rolling, one host at a time: Beanstalk drains it, replaces the code, runs the configuration repository's commands, "
    "registers it again and waits for 12 healthy checks. Where maintenance mode is found on afterwards it is switched off "
    "on that host, as the document does."
)
_ONE_HOST = (
    "Beanstalk takes the host out of the load balancer, replaces the code, runs the configuration's commands "
    "(credentials, schema, ownership), registers it again and waits for 12 healthy checks."
)
_SHELF = "Reads only. Nothing is built again: the very bytes that ran before are deployed."
_NO_PAYOUT = "Reads only. Added to the document's steps: a deployment in the middle of a payout could pay twice, or not at all."
_PROVE = "Reads only. Added to the document's steps: exit code 0 of a deployment does not say that all of it is there."
_SHARE = "Reads only. Without the mount the files would land on the host's own disk; without .htaccess no version would be found."
_FLIP = "Until here pages ask for the version that was live before, and get whole files."
_CLEAR = "One share for all hosts: once is enough, and from here on every host serves without statics until the next two steps are done."
_VERIFY = "Added to the document's steps: version of every host, both lights, and a good page from outside."
_MERGE = "clone both repositories, merge, delete .git, zip"
_RUNDECK = "clone both repositories, edit .user.ini and .htaccess, merge, delete .git, zip"
