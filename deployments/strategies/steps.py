"""The steps of a release that is built once and migrates at most once (magento.md 3B). Pure: what they do is in `deployments.effects`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from deployments import commands as document
from deployments.commands import Command
from deployments.steps import DRAIN_SECONDS, PlannedHost, Shipment
from deployments.strategies import commands, curtain
from deployments.strategies.commands import COMMAND, PROCESS, Folder
from deployments.strategies.curtain import Place
from deployments.strategies.decision import CONFIG, DB
from deployments.strategies.draining import DELAY, Enough
from estate.definition import Target, Tier, Workshop
from runs.plan import Act, Step

POLICY, ROLLING, AT_ONCE = "DeploymentPolicy", "Rolling", "AllAtOnce"
DEPLOYS_AT_ONCE = f"policy-{AT_ONCE.lower()}"  # the key of the step after which everything is
JOBS_SECONDS = 900  # for a job of Magento to come to its end once cron is stopped
SCRATCH = "/var/tmp/opsconsole"  # noqa: S108  (a folder of our own on the host, named by the build)


# -- building once, and asking


def source(target: Target, place: dict[str, Any]) -> Step:
    upload = document.upload("source.zip", place["bucket"], place["key"])
    acts = (
        Act("bundle.build", "bundle", "console", params=place, words="both repositories, edited and merged, as the document's job does it"),
        Act("s3.put", "upload", "AWS", upload.argv, params=place),
    )
    return Step("source", "Pack the sources of both repositories", acts, where="console", seconds=6)


def fetch(workshop: Workshop, folder: Folder, bucket: str, key: str) -> Step:
    acts = (
        _at(workshop, "make-folder", commands.make_folder(folder.tree)),
        _at(workshop, "fetch", commands.download(bucket, key, f"{folder.path}/source.zip")),
        _at(workshop, "unpack", commands.unpack(f"{folder.path}/source.zip", folder.tree)),
    )
    return Step("fetch", "Bring the sources to the build host", acts, where=workshop.name, seconds=20)


def build(target: Target, workshop: Workshop, folder: Folder, version: str) -> Iterator[Step]:
    yield Step(
        "composer", "Install the packages", (_at(workshop, "composer", commands.composer(folder.tree)),), where=workshop.name, seconds=60
    )
    yield Step(
        "compile", "Compile the code", (_at(workshop, "compile", commands.compile_code(folder.tree)),), where=workshop.name, seconds=90
    )
    acts = tuple(
        _at(workshop, f"statics-{each.area}", commands.build_statics(folder.tree, each, version), fatal=r"\(status: [1-9]")
        for each in target.statics
    )
    yield Step("statics", "Generate the statics, once for all hosts", acts, _ONE_VERSION, workshop.name, 170)


def pack(workshop: Workshop, folder: Folder, bucket: str, key: str, statics_key: str) -> Step:
    measured = {"ip": workshop.address, "tree": folder.tree, "archive": folder.archive, "lock": "composer.json"}
    acts = (
        _at(workshop, "pack", commands.pack(folder.tree, folder.archive)),
        _at(workshop, "pack-statics", commands.pack(f"{folder.tree}/pub/static", folder.statics)),
        Act(
            "build.measure", "measure", workshop.name, params=measured, words="its manifest: sha256, size, number of files, version of PHP"
        ),
        _at(workshop, "put", commands.upload(folder.archive, bucket, key)),
        _at(workshop, "put-statics", commands.upload(folder.statics, bucket, statics_key)),
    )
    return Step("pack", "Pack it, measure it, put it into the bucket", acts, where=workshop.name, seconds=40)


def ask(workshop: Workshop, folder: Folder) -> Step:
    """B2: the new code, a copy of its own, a user who may only read, and no cache that is anybody else's."""
    acts = (
        _at(workshop, "copy", commands.copy_tree(folder.tree, folder.asking)),
        _at(workshop, "env", commands.put_env(workshop.looks_with, folder.asking)),
        *(
            _question(workshop.name, workshop.address, key, commands.ask(folder.asking, each), each)
            for key, each in (("ask-db", DB), ("ask-config", CONFIG))
        ),
    )
    return Step("ask", "Ask with the new code whether the database has to be migrated", acts, _ASKING, workshop.name, 20)


def keep(workshop: Workshop, folder: Folder, params: dict[str, Any]) -> Step:
    acts = (
        Act(
            "build.keep",
            "keep",
            "console",
            params=params | {"asked": ["ask-db", "ask-config"]},
            words="the bucket is asked for both archives",
        ),
        _at(workshop, "tidy", commands.remove_folder(folder.path)),
    )
    return Step("keep", "Write down what was built and what was answered", acts, where="console", seconds=5)


# -- releasing it


def publish(host: PlannedHost, bucket: str, statics_key: str, build: str) -> Step:
    """B3."""
    scratch = f"{SCRATCH}/{build}"
    acts = (
        _on(host, "host.look", "share-mounted", document.is_mounted(document.STATIC)),
        _on(host, "host.look", "share-htaccess", document.is_there(f"{document.STATIC}/.htaccess")),
        _on(host, "host.command", "scratch", commands.make_folder(f"{scratch}/static")),
        _on(host, "host.command", "fetch-statics", commands.download(bucket, statics_key, f"{scratch}/statics.zip")),
        _on(host, "host.command", "unpack-statics", commands.unpack(f"{scratch}/statics.zip", f"{scratch}/static")),
        _on(host, "host.command", "publish", commands.publish(f"{scratch}/static")),
    )
    return Step("publish-statics", "Put the new statics beside the old ones", acts, _ADDITIVE, host.name, 40)


def flip(host: PlannedHost, build: str) -> Step:
    """Z2, W5: every file is there, and every host has the code that asks for it."""
    scratch = f"{SCRATCH}/{build}"
    acts = (
        _on(host, "host.command", "bring-version", commands.bring_version(f"{scratch}/static")),
        _on(host, "host.command", "flip-version", commands.flip_version()),
        _on(host, "host.command", "tidy-statics", commands.remove_folder(scratch)),
    )
    return Step("flip-version", "Give the statics the new version", acts, _FLIP, host.name, 5)


def flush_once(host: PlannedHost) -> Step:
    act = _on(host, "host.command", "flush-once", document.flush_cache())
    return Step("flush-cache", "Flush the caches, once", (act,), _ONE_CACHE, host.name, 4)


def roll(
    target: Target,
    tier: Tier,
    hosts: Sequence[PlannedHost],
    shipment: Shipment,
    *,
    drain: int = DRAIN_SECONDS,
    at_once: bool = False,
) -> Step:
    command = document.update_environment(tier.beanstalk, shipment.label)
    params = _target(target) | {"beanstalk": tier.beanstalk, "label": shipment.label} | ({"closed": True} if at_once else {})
    act = Act("beanstalk.update", f"update:{tier.key}", tier.beanstalk, command.argv, params=params)
    seconds = 40 if at_once else len(hosts) * (185 + drain) + 10
    note = _AT_ONCE if at_once else _ROLLING
    return Step(f"deploy-{tier.key}", f"Deploy the {tier.name.lower()}", (act,), note, _names(hosts), seconds)


def confirm(host: PlannedHost, *, after: str) -> Step:
    """The new code where it stands now, with its own env.php: both answers have to be that nothing is needed."""
    otherwise = _WRONG if after == "deploy" else _UNRELIABLE
    acts = tuple(
        _question(host.name, host.ip, key, commands.ask_live(each), each, wanted="nothing", otherwise=otherwise)
        for key, each in (("confirm-db", DB), ("confirm-config", CONFIG))
    )
    note = _CONFIRM if after == "deploy" else "Magento records each patch as it runs; this asks whether all of them did."
    return Step("confirm", "Ask the database once more, with the code in its place", acts, note, host.name, 4)


def snapshot(target: Target) -> Step:
    act = Act("rds.snapshot", "snapshot", "AWS", commands.snapshot(target.database).argv, params={"database": target.database})
    return Step("snapshot", f"Take a snapshot of {target.database}", (act,), _SNAPSHOT, "AWS", 300)


def policy(target: Target, value: str) -> Step:
    acts = tuple(_option(target, tier, f"policy-{value.lower()}", COMMAND, POLICY, value) for tier in target.tiers)
    title = "Let Beanstalk deploy to all hosts at once" if value == AT_ONCE else "Let Beanstalk roll again, host by host"
    return Step(f"policy-{value.lower()}", title, acts, _POLICY, ", ".join(tier.beanstalk for tier in target.tiers), 70, parallel=True)


def drain(target: Target, enough: Mapping[str, Enough]) -> Step:
    """`enough` by the tier's key; the others are left as they are."""
    tiers = [tier for tier in target.tiers if tier.key in enough]
    acts = tuple(_option(target, tier, "drain", PROCESS, DELAY, str(enough[tier.key].seconds), at_least=True) for tier in tiers)
    seconds = " or ".join(str(each) for each in sorted({each.seconds for each in enough.values()}))
    title = f"Give a host that leaves {seconds} s for the requests under way there"
    note = " ".join([_DRAIN, *(enough[tier.key].why for tier in tiers)])
    return Step("drain", title, acts, note, ", ".join(tier.beanstalk for tier in tiers), 35, parallel=True)


def stop_cron(hosts: Sequence[PlannedHost]) -> Step:
    stops = tuple(_on(host, "host.command", f"cron-stop:{host.name}", commands.cron(on=False)) for host in hosts)
    waits = tuple(_on(host, "magento.jobs", f"jobs:{host.name}", commands.jobs(), seconds=JOBS_SECONDS) for host in hosts)
    return Step("cron-stop", "Stop cron, and wait for the jobs that run", (*stops, *waits), _CRON, _names(hosts), 30)


def start_cron(hosts: Sequence[PlannedHost]) -> Step:
    acts = tuple(_on(host, "host.command", f"cron-start:{host.name}", commands.cron(on=True)) for host in hosts)
    return Step("cron-start", "Start cron again", acts, where=_names(hosts), seconds=3, parallel=True)


def close(target: Target, place: Place) -> Step:
    """W2. Those who pass first, the one that closes last."""
    acts = tuple(
        Act(
            "balancer.rule",
            f"curtain-{name}:{port}",
            "load balancer",
            params=_rule(target, name, listener, port) | {"priority": priority, "front": place.front, "back": place.back},
            words=f"port {port}, priority {priority}: {_RULES[name]}",
        )
        for name, priority in curtain.RULES.items()
        for listener, port in place.listeners
    )
    return Step("curtain-on", "Draw the curtain: the load balancer answers visitors itself", acts, _CLOSE, "load balancer", 4)


def open_(target: Target, place: Place) -> Step:
    """W7. The one that closes first: nobody is kept out by what is left for a moment."""
    acts = tuple(
        Act(
            "balancer.open",
            f"open-{name}:{port}",
            "load balancer",
            params=_rule(target, name, listener, port),
            words=f"port {port}: remove the rule “{name}”, whichever run made it",
        )
        for name in sorted(curtain.RULES, key=lambda each: -curtain.RULES[each])
        for listener, port in place.listeners
    )
    return Step("curtain-off", "Open the curtain", acts, "", "load balancer", 4)


def migrate(host: PlannedHost) -> Step:
    act = _on(host, "host.command", "migrate", commands.upgrade())
    return Step("migrate", "Migrate the database, once", (act,), _MIGRATE, host.name, 200)


def smoke(target: Target, hosts: Sequence[PlannedHost], place: Place, label: str) -> Step:
    """W6. Past the balancer on each host, and through it with a tester's pass."""
    site = target.shop.url.split("/")[2] if target.shop is not None else "localhost"
    front = [host for host in hosts if host.tier == target.tiers[-1].key]
    acts = [_on(host, "host.look", f"page:{host.name}", commands.own_page(site, "/"), says="200") for host in front]
    acts.append(
        Act(
            "curtain.smoke",
            "through",
            "console",
            params=_target(target) | {"label": label},
            words=f"the shop, with {curtain.HEADER}, as a tester sees it",
        )
    )
    return Step(
        "smoke",
        "Try the shop behind the curtain",
        tuple(acts),
        "Nobody else sees it yet. A fault here leaves the curtain closed.",
        "console",
        8,
    )


def judge(host: PlannedHost, params: dict[str, Any]) -> Step:
    """Asked once more on the back office, when everything is over."""
    asks = tuple(
        _question(host.name, host.ip, key, commands.ask_live(each), each) for key, each in (("after-db", DB), ("after-config", CONFIG))
    )
    note = Act(
        "decision.judge", "judge", "console", params=params | {"asked": ["after-db", "after-config"]}, words="kept with the decision"
    )
    return Step("judge", "Write down whether the decision was right", (*asks, note), where="console", seconds=4)


def _option(target: Target, tier: Tier, key: str, namespace: str, name: str, value: str, **more: Any) -> Act:
    """An old worker that shares an upgrade takes every option of `beanstalk.settings` for the commands': another kind makes it wait."""
    params = {"application": target.application, "beanstalk": tier.beanstalk, "namespace": namespace, "options": {name: value}}
    command = commands.option(tier.beanstalk, namespace, name, value)
    kind = "beanstalk.settings" if namespace == COMMAND else "beanstalk.option"
    return Act(kind, f"{key}:{tier.key}", tier.beanstalk, command.argv, params=params | more)


def _rule(target: Target, name: str, listener: str, port: int) -> dict[str, Any]:
    return {"listener": listener, "port": port, "name": name, "target": curtain.name_of(target)}


def _question(name: str, ip: str, key: str, command: Command, asked: str, **more: Any) -> Act:
    return Act("magento.ask", key, name, command.argv, params={"ip": ip, "command": asked} | more)


def _at(workshop: Workshop, key: str, command: Command, **params: Any) -> Act:
    return Act("host.command", key, workshop.name, command.argv, params={"ip": workshop.address} | params)


def _on(host: PlannedHost, kind: str, key: str, command: Command, **params: Any) -> Act:
    return Act(kind, key, host.name, command.argv, command.words, {"ip": host.ip, "instance_id": host.instance_id} | params)


def _target(target: Target) -> dict[str, Any]:
    return {"service": target.service, "environment": target.environment.key}


def _names(hosts: Sequence[PlannedHost]) -> str:
    return ", ".join(host.name for host in hosts)


def as_json(hosts: Sequence[PlannedHost]) -> list[dict[str, Any]]:
    return [asdict(host) for host in hosts]


_RULES = {
    "pass-back-office": f"who sends {curtain.HEADER} reaches the back office under /backend",
    "pass": f"who sends {curtain.HEADER} reaches the front end",
    "assets": "statics and media go on: the CDN would keep an error under their names",
    curtain.CLOSED: "everybody else gets 503 and a page that says so",
}
_ONE_VERSION = "One version for all of them, derived from the sources: the same sources ask for the same addresses."
_ASKING = "In a copy of its own, with a database user who may only read and without production's cache. Nothing is changed by it."
_ADDITIVE = "Nothing is deleted and the version's file is left out: pages that are live go on to find theirs."
_FLIP = "Only now do pages ask for the new files: every one of them is there, and every host has the new code."
_ONE_CACHE = "The hosts share one cache: once is enough."
_ROLLING = (
    "One host at a time behind the load balancer. The configuration neither builds nor migrates: the code is there after seconds, and "
    "then Beanstalk waits for 12 healthy checks."
)
_DRAIN = (
    "It gets no new ones; those that run on when its time is over would be cut. The load balancer itself waits no longer than that for the "
    "next byte: only what sends all the while may still be cut. Where it is that long already nothing is changed; it stays so afterwards, "
    "and every host takes so much longer. An environment of one host is left as it is: while that one drains, nobody serves."
)
_AT_ONCE = "All hosts at the same time: nobody visits them behind the curtain, so nobody has to be drained or waited for."
_CONFIRM = "If the decision was wrong it is seen here, on the back office alone: the front end still has the old code."
_WRONG = "The decision was wrong. The front end has not been touched: plan again with the window, or go back to the release before."
_UNRELIABLE = (
    "The migration itself ended well, so this answer may be one that cannot be relied on here: look which check it names, and decide."
)
_SNAPSHOT = "Before the shop is closed: it takes as long as it takes, and nobody waits for it."
_POLICY = "An update of the environment of its own, while the shop is open; the hosts are not touched by it."
_CRON = "Maintenance mode would not stop it. A job that runs is waited for, not killed."
_CLOSE = "The hosts see no visitors any more; their health checks go straight to them and keep their meaning."
_MIGRATE = "On the back office alone. A second run goes on where the first one stopped: each patch is recorded when it has run."
