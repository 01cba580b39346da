"""Which release a host says it has: the manifest that Beanstalk's on-host agent keeps, and the folders it swaps."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

from sandbox.world import APPLICATION, Host


def staging(host: Host) -> Path:
    """Where a new release is unpacked before the flip."""
    return host.root / ("var/app/ondeck" if host.platform == "al1" else "var/app/staging")


def manifest(host: Host) -> Path:
    where = (
        "opt/elasticbeanstalk/deploy/manifest" if host.platform == "al1" else "opt/elasticbeanstalk/deployment/app_version_manifest.json"
    )
    return host.root / where


def write_manifest(host: Host, label: str, deployment_id: int) -> None:
    path = manifest(host)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"RuntimeSources": {APPLICATION: {label: {"s3url": ""}}}, "DeploymentId": deployment_id, "Serial": deployment_id * 3}
    beside = path.with_name("manifest.new")
    beside.write_text(json.dumps(content))
    beside.replace(path)


def deployed_label(host: Host) -> str:
    """The version label that the host has; empty where nothing was ever deployed."""
    path = manifest(host)
    if not path.exists():
        return ""
    sources = json.loads(path.read_text())["RuntimeSources"][APPLICATION]
    return str(next(iter(sources), ""))


def unpack(bundle: bytes, folder: Path) -> None:
    """Replaces `folder` by what is in the zip. Raises BadZipFile."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        for entry in archive.infolist():
            written = Path(archive.extract(entry, folder))
            mode = entry.external_attr >> 16
            if mode & 0o111 and written.is_file():
                written.chmod(0o755)
