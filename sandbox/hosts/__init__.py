"""The hosts of the estate: folders that stand for `/`, and everything that looks into them.

`install` fills the folders; `serve` listens for SSH; `agent` deploys into them, `site` answers visitors from them.
"""

from __future__ import annotations

from sandbox.hosts.boots import reboot
from sandbox.hosts.folders import FIRST_DEPLOYMENT, install
from sandbox.hosts.ssh import serve
from sandbox.hosts.ssh.keys import fingerprints

__all__ = ["FIRST_DEPLOYMENT", "fingerprints", "install", "reboot", "serve"]
