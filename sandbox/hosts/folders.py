"""How the sandbox starts: each host's folder filled as `/`, with the release that is deployed there, its shares and its logs."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

from sandbox.hosts import applications, database, extensions, machines, releases, shares, statics
from sandbox.hosts.agent.deployment import Deployment, env_php
from sandbox.repositories import NAMES, Repositories
from sandbox.repositories.beanstalk_tree import Stage
from sandbox.repositories.git import git
from sandbox.world import Host, World

FIRST_DEPLOYMENT = 23  # Beanstalk's number of the deployment that the sandbox starts with

_FOLDERS = ("opt/opsconsole", "var/lib/opsconsole", "home/ec2-user", "tmp", "var/log", "var/run", "etc", "root", "proc", "dev")


def install(world: World, repositories: Repositories) -> None:
    """Fills the hosts' folders; a host that has a release already keeps what it has."""
    bundles = {stage: repositories.bundle(stage=stage) for stage in get_args(Stage)}
    committed = int(git(repositories.path("magento"), "log", "-1", "--format=%ct", repositories.deployed_commit))
    deployed_at = datetime.fromtimestamp(committed, UTC) + timedelta(hours=2)
    for host in world.hosts.values():
        if host.app.exists():
            continue
        for folder in _FOLDERS:
            (host.root / folder).mkdir(parents=True, exist_ok=True)
        if host.other:
            _install_other(world, repositories, host, deployed_at)
            continue
        stage = shares.stage_of(host)
        label = repositories.label_of(stage)
        releases.unpack(bundles[stage], host.app)
        (host.app / "var").mkdir(exist_ok=True)
        (host.app / "app/etc/env.php").write_text(env_php(host))
        (host.root / "etc/hostname").write_text(f"ip-{host.private_ip.replace('.', '-')}\n")
        releases.write_manifest(host, label, FIRST_DEPLOYMENT)
        _share_and_mount(world, host, str(int(deployed_at.timestamp())))
        database.write(world, host, database.of_code(host.app))
        _past(host, label, deployed_at)
    for host in world.machines.values():
        for folder in _FOLDERS:
            (host.root / folder).mkdir(parents=True, exist_ok=True)
        machines.furnish(world, host)


def _install_other(world: World, repositories: Repositories, host: Host, deployed_at: datetime) -> None:
    """One of the smaller applications, as a deployment leaves it; nobody waits for it here."""
    name = next(name for name in NAMES if name == host.other)
    label = repositories.other_label(name)
    deployment = Deployment(world, host, repositories.other_bundle(name), label, FIRST_DEPLOYMENT, leader=True)
    releases.unpack(deployment.bundle, deployment.staging)
    deployment.extensions = extensions.read(deployment.staging)
    deployment.write_host_files()
    applications.learn(world, host, deployment.staging)
    for command in deployment.commands():
        if "bin/console" not in command.command:
            deployment.perform(shlex.split(command.command), lambda text: None)
    deployment.staging.rename(host.app)
    (host.root / "etc/hostname").write_text(f"ip-{host.private_ip.replace('.', '-')}\n")
    releases.write_manifest(host, label, FIRST_DEPLOYMENT)
    _past(host, label, deployed_at)


def _share_and_mount(world: World, host: Host, version: str) -> None:
    stage = shares.stage_of(host)
    static = shares.share(world, stage, "magento-statics")
    if not statics.read_version(static):
        (static / ".htaccess").write_bytes((host.app / "pub/static/.htaccess").read_bytes())
        statics.deploy_all(static, host.app, version)
        _media_and_orders(world, stage)
    for export, point in shares.SHARES.items():
        shares.mount(world, host, export, point)


def _media_and_orders(world: World, stage: str) -> None:
    media, sitemap, orders = (shares.share(world, stage, export) for export in ("client-media", "magento-sitemap", "magento-client"))
    for n in range(1, 13):
        _write(media / f"catalog/product/d/l/dlm-{n:03d}.jpg", f"picture {n}\n")
    _write(media / ".htaccess", "Options -Indexes\n")
    _write(
        sitemap / "sitemap.xml", '<?xml version="1.0" encoding="UTF-8"?>\n<urlset><url><loc>https://www.client.url/</loc></url></urlset>\n'
    )
    for n in range(1, 6):
        _write(orders / f"export/order-1000{n:05d}.xml", f"<order><increment_id>1000{n:05d}</increment_id></order>\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _past(host: Host, label: str, at: datetime) -> None:
    """The end of the last deployment in the log, so that it does not begin empty."""
    if host.platform == "al1":
        root = f"Application update {label}@{FIRST_DEPLOYMENT}"
        time = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        lines = [
            f"[{time}] INFO  [9731]  - [{root}/AppDeployStage1/AppDeployPostHook] : Completed activity. Result:",
            "  Successfully execute hooks in directory /opt/elasticbeanstalk/hooks/appdeploy/post.",
            f"[{time}] INFO  [9731]  - [{root}] : Completed activity. Result:",
            "  Application update - Command CMD-AppDeploy succeeded",
        ]
        name = "eb-activity.log"
    else:
        lines = [f"{at:%Y/%m/%d %H:%M:%S}.000000 [INFO] Platform Engine finished execution on command: app-deploy"]
        name = "eb-engine.log"
    _write(host.root / "var/log" / name, "\n".join(lines) + "\n")
