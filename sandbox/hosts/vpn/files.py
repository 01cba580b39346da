"""The VPN host's files as an image brings them: easy-rsa with its PKI, `create_user.sh` of the usual kind, the service's configuration.

Where Debian's easy-rsa and openssl are installed, the host has the real easy-rsa; else a stand-in with the same files and words.
"""

from __future__ import annotations

import secrets
import shlex
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.hosts.vpn import authority
from sandbox.world import Host, World

EASY_RSA = Path("/usr/share/easy-rsa")
# Who is there at the start: name, days since, and whether revoked. dlm-temp is nobody's.
USERS = (
    ("laptop.ops1", 410, False),
    ("laptop.ops2", 410, False),
    ("laptop.shop", 263, False),
    ("ml.scanner", 787, False),
    ("laptop.old", 600, True),
    ("dlm-temp", 149, False),
)
CREATE_USER = """#!/bin/sh
# Makes a VPN user. First argument: a unique user name.
HOME=${OPSCONSOLE_ROOT:-}/root
KEY_DIR=$HOME/client-configs/keys
OUTPUT_DIR=$HOME/client-configs/files
BASE_CONFIG=$HOME/client-configs/base.conf
EASYRSA_DIR=$HOME/easy-rsa
OUTPUT=$OUTPUT_DIR/$1.ovpn
[ ! -e "$HOME/.disk-is-full" ] || OUTPUT=/dev/full

cd $EASYRSA_DIR
./easyrsa --batch gen-req $1 nopass
./easyrsa --batch sign-req client $1
cp pki/private/$1.key $KEY_DIR/
cp pki/issued/$1.crt $KEY_DIR/

{
  cat $BASE_CONFIG
  echo '<ca>'
  cat $KEY_DIR/ca.crt
  echo '</ca>'
  echo '<cert>'
  cat $KEY_DIR/$1.crt
  echo '</cert>'
  echo '<key>'
  cat $KEY_DIR/$1.key
  echo '</key>'
  echo '<tls-crypt>'
  cat $KEY_DIR/ta.key
  echo '</tls-crypt>'
} > $OUTPUT
"""
BASE_CONF = """client
dev tun
proto udp
remote vpn.client.url 1194
resolv-retry infinite
nobind
persist-key
persist-tun
remote-cert-tls server
cipher AES-256-GCM
auth SHA256
key-direction 1
verb 3
"""
SERVER_CONF = """port 1194
proto udp
dev tun
ca ca.crt
cert server.crt
key server.key
dh none
tls-crypt ta.key
server 10.8.0.0 255.255.255.0
push "route 10.0.0.0 255.255.0.0"
keepalive 10 120
cipher AES-256-GCM
user nobody
group nogroup
persist-key
persist-tun
status /var/log/openvpn/status.log 60
status-version 2
management /run/openvpn/server.sock unix
client-config-dir /etc/openvpn/ccd
"""
CRL_VERIFY = "crl-verify /etc/openvpn/crl.pem\n"
IMAGE = ("root/easy-rsa", "root/client-configs", "etc/openvpn")  # what a rebuild of the image brings back


def install(world: World, host: Host) -> None:
    """Fills the host's folder, and keeps the image: baked before anybody was revoked, so without a CRL."""
    for folder in (
        "etc/openvpn/ccd",
        "run/openvpn",
        "var/log/openvpn",
        "root/client-configs/keys",
        "root/client-configs/files",
        "root/easy-rsa",
    ):
        (host.root / folder).mkdir(parents=True, exist_ok=True)
    _easy_rsa(host)
    clients, etc, pki = host.root / "root/client-configs", host.root / "etc/openvpn", host.root / "root/easy-rsa/pki"
    (clients / "create_user.sh").write_text(CREATE_USER)
    (clients / "create_user.sh").chmod(0o700)
    (clients / "base.conf").write_text(BASE_CONF)
    ta_key = (
        "-----BEGIN OpenVPN Static key V1-----\n"
        + "\n".join(secrets.token_hex(16) for _ in range(16))
        + "\n-----END OpenVPN Static key V1-----\n"
    )
    (clients / "keys/ta.key").write_text(ta_key)
    (etc / "ta.key").write_text(ta_key)
    (etc / "server.conf").write_text(SERVER_CONF)
    now = datetime.now(UTC)
    authority.init(pki, now=now - timedelta(days=1300))
    shutil.copy(pki / "ca.crt", clients / "keys/ca.crt")
    authority.gen_req(pki, "server")
    authority.sign_req(pki, "server", "server", now=now - timedelta(days=360))
    for source, to in (("ca.crt", "ca.crt"), ("issued/server.crt", "server.crt"), ("private/server.key", "server.key")):
        shutil.copy(pki / source, etc / to)
    for name, days, _ in USERS:
        authority.gen_req(pki, name)
        authority.sign_req(pki, "client", name, now=now - timedelta(days=days))
    if EASY_RSA.exists():
        for name in ("openssl-easyrsa.cnf",):
            shutil.copy(EASY_RSA / name, pki / name)
            shutil.copy(EASY_RSA / name, pki / "safessl-easyrsa.cnf")
    _bake(world, host)
    for name, _, revoked in USERS:
        if revoked:
            authority.revoke(pki, name, now=now - timedelta(days=84))
    authority.gen_crl(pki, now=now - timedelta(days=84))
    shutil.copy(pki / "crl.pem", etc / "crl.pem")
    (etc / "crl.pem").chmod(0o644)
    (etc / "server.conf").write_text(SERVER_CONF + CRL_VERIFY)


def is_real() -> bool:
    return EASY_RSA.exists() and shutil.which("openssl", path="/usr/bin:/bin") is not None


def rebuild(world: World, host: Host) -> None:
    """The root volume is replaced from the image: what was issued or revoked since has never been heard of, and there is no CRL."""
    for folder in IMAGE:
        shutil.rmtree(host.root / folder)
        shutil.copytree(_image(world, host) / folder, host.root / folder)


def _bake(world: World, host: Host) -> None:
    for folder in IMAGE:
        shutil.copytree(host.root / folder, _image(world, host) / folder)


def _image(world: World, host: Host) -> Path:
    return world.data / "images" / host.name


def _easy_rsa(host: Host) -> None:
    folder = host.root / "root/easy-rsa"
    if is_real():
        shutil.copytree(EASY_RSA, folder, dirs_exist_ok=True)
        # An elliptic curve: 200 users are made in a minute.
        (folder / "vars").write_text("set_var EASYRSA_ALGO ec\nset_var EASYRSA_CURVE secp384r1\n")
        return
    program = folder / "easyrsa"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I {shlex.quote(authority.__file__)} "$@"\n')
    program.chmod(0o755)
