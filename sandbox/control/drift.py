"""What drifts away from the hand-over document by itself and no call of AWS changes: tunnels, ages, files of a host, branches."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from moto.ec2.models import ec2_backends
from moto.route53domains.models import route53domains_backends
from moto.s3.models import s3_backends

from sandbox.aws.inventory import databases, network
from sandbox.control.refusal import Refused
from sandbox.repositories import NAMES, Repositories
from sandbox.repositories.git import git
from sandbox.world import ACCOUNT, REGION, World

Options = Mapping[str, str]


def _tunnel(world: World, options: Options) -> str:
    name, number, status = options.get("link", "DLM-Lan"), options.get("number", "1"), options.get("status", network.DOWN)
    if status not in (network.UP, network.DOWN):
        raise Refused("status is UP or DOWN.")
    if name not in network.links() or number not in ("1", "2"):
        raise Refused(f"There is no tunnel {number} of {name}. There is: {', '.join(network.links())}, each with 1 and 2.")
    network.set_tunnel(name, int(number), status, world.clock.now())
    return f"Tunnel {number} of {name} is {status}."


def _host_file(world: World, options: Options) -> str:
    try:
        host = world.host(options.get("host", ""))
    except KeyError as error:
        raise Refused(f"There is no host {error.args[0]}.") from error
    path = (host.root / options.get("path", "").lstrip("/")).absolute()
    if ".." in path.parts or not path.is_relative_to(host.root) or path == host.root:
        raise Refused("path is an absolute path of a file or a folder on the host.")
    if "text" in options:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(options["text"])
        return f"{host.name} has {options['path']}."
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return f"{host.name} has no {options['path']} any more."


def _domain(world: World, options: Options) -> str:
    backend: Any = route53domains_backends[ACCOUNT]["global"]
    domains = backend._Route53DomainsBackend__domains
    name = options.get("name", "internal-client.url")
    if options.get("gone") == "true":
        domains.pop(name, None)
        return f"{name} is not registered with AWS any more."
    if name not in domains:
        domains[name] = copy(domains["internal-client.url"])
        domains[name].domain_name = name
        return f"{name} is registered with AWS."
    domain = domains[name]
    domain.auto_renew = options.get("auto_renew", "true") == "true"
    domain.expiration_date = world.clock.now() + timedelta(days=_number(options, "days", "412"))
    return f"{name} ends on {domain.expiration_date:%d %b %Y}, auto-renew {'on' if domain.auto_renew else 'off'}."


def _branch(world: World, options: Options) -> str:
    name, branch, source = options.get("repository", ""), options.get("branch", ""), options.get("from", "")
    if name not in NAMES or not branch:
        raise Refused(f"repository is one of {', '.join(NAMES)}; branch is a name.")
    path = Repositories(world.data / "repositories").path(name)
    if source:
        git(path, "update-ref", f"refs/heads/{branch}", source)
        return f"{branch} of {name} is at {source}."
    git(path, "update-ref", "-d", f"refs/heads/{branch}")
    return f"{branch} has gone from {name}."


def _commit_file(world: World, options: Options) -> str:
    name, branch, path = options.get("repository", "beanstalk-config"), options.get("branch", "prod"), options.get("path", "")
    known = next((each for each in NAMES if each == name), None)
    if known is None or not path:
        raise Refused(f"repository is one of {', '.join(NAMES)}; path is a file's.")
    changes = {path: options.get("text", "").encode()}
    commit = Repositories(world.data / "repositories").commit(known, branch, f"Change {path}", changes, at=world.clock.now())
    return f"Pushed {commit[:7]}, which changes {path}, to {branch} of {name}."


def _image_age(world: World, options: Options) -> str:
    for image in ec2_backends[ACCOUNT][REGION].amis.values():
        if image.name == options.get("name", "client-nfs-2026-01"):
            image.creation_date = _ago(world, days=_number(options, "days", "900"))
            return f"{image.name} was built on {image.creation_date:%d %b %Y}."
    raise Refused("There is no image of that name.")


def _snapshot_age(world: World, options: Options) -> str:
    database, hours = options.get("database", databases.PRODUCTION), _number(options, "hours", "50")
    found = databases.backend().describe_db_snapshots(database, None, "automated")
    if not found:
        raise Refused(f"{database} has no automated snapshot.")
    for snapshot in found:
        snapshot.created = snapshot.original_snapshot_create_time = _ago(world, hours=hours)
    return f"The newest snapshot of {database} is {hours} hours old."


def _object_age(world: World, options: Options) -> str:
    found = s3_backends[ACCOUNT]["aws"].get_object(options.get("bucket", ""), options.get("key", ""))
    if found is None:
        raise Refused("There is no such object.")
    found.last_modified = _ago(world, days=_number(options, "days", "60"))
    return f"{options['key']} was last changed on {found.last_modified:%d %b %Y}."


def _ago(world: World, **units: float) -> datetime:
    return (world.clock.now() - timedelta(**units)).replace(tzinfo=None)


def _number(options: Options, name: str, default: str) -> int:
    value = options.get(name, default)
    if not value.isdigit() or len(value) > 5:
        raise Refused(f"{name} is a whole number.")
    return int(value)


DRIFTS: dict[str, Callable[[World, Options], str]] = {
    "tunnel": _tunnel,
    "host-file": _host_file,
    "domain": _domain,
    "branch": _branch,
    "commit-file": _commit_file,
    "image-age": _image_age,
    "snapshot-age": _snapshot_age,
    "object-age": _object_age,
}
