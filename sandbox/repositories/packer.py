"""client/packer.git: what the images are built from; HAProxy's configuration as it was before somebody edited it on the gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sandbox.repositories.git import Commit

_FIRST = datetime(2025, 11, 3, 9, 0, tzinfo=UTC)
_TEAM = "Integration team <integration@client.url>"
_TEMPLATE = b"""{
  "builders": [{"type": "amazon-ebs", "region": "eu-west-3", "instance_type": "t3.small", "ami_name": "client-gateway-{{timestamp}}"}],
  "provisioners": [
    {"type": "shell", "inline": ["sudo yum install -y haproxy socat"]},
    {"type": "file", "source": "haproxy.cfg", "destination": "/tmp/haproxy.cfg"},
    {"type": "shell", "inline": ["sudo install -m 0644 /tmp/haproxy.cfg /etc/haproxy/haproxy.cfg"]}
  ]
}
"""
HAPROXY = """global
    log /dev/log local0
    stats socket /run/haproxy/admin.sock mode 660 level admin
    maxconn 8000
    daemon

defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h

frontend smb
    bind *:445
    default_backend windows_smb

frontend application
    bind *:8700-8800
    default_backend windows_application

frontend rdp
    bind *:3389
    default_backend windows_rdp

frontend ftp
    bind *:21
    bind *:2048-4096
    default_backend windows_ftp

backend windows_smb
    server win 10.0.101.50:445 check

backend windows_application
    server win 10.0.101.50 check port 8700

backend windows_rdp
    server win 10.0.101.50:3389 check

backend windows_ftp
    server win 10.0.101.50 check port 21
"""


def history() -> list[Commit]:
    """On `master`, the oldest first."""
    files = {"gateway/gateway.json": _TEMPLATE, "gateway/haproxy.cfg": HAPROXY.encode()}
    return [
        Commit("master", "Begin: the images of OpenVPN, Rundeck, the file server", _TEAM, _FIRST, {"README.md": b"# Images\n"}),
        Commit("master", "Gateway: HAProxy in front of Windows", _TEAM, _FIRST + timedelta(days=4), files),
    ]
