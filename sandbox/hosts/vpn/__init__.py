"""The VPN host: its files, its service, and what happens to it from outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from sandbox.hosts.vpn import files
from sandbox.hosts.vpn.service import Service, Wish, serve
from sandbox.world import Host, World

__all__ = ["Service", "break_", "connect", "install", "leave", "mend", "rebuild", "service_of", "start"]

install = files.install
PARTS = {
    "script": "root/client-configs/create_user.sh",
    "base.conf": "root/client-configs/base.conf",
    "ta.key": "root/client-configs/keys/ta.key",
}
_KEY = "root/easy-rsa/pki/private/ca.key"
_FULL = "root/.disk-is-full"
_CONNECTED = ("laptop.ops1", "laptop.ops2")  # at the start
_services: dict[int, Service] = {}


def start(world: World, host: Host) -> Callable[[], None]:
    """The service runs, and two people are connected. The answer ends it."""
    service = Service(world, host)
    _services[id(world)] = service
    stack = serve(service)
    for name in _CONNECTED:
        connect(world, host, name)

    def stop() -> None:
        stack.close()
        _services.pop(id(world), None)

    return stop


def service_of(world: World) -> Service | None:
    return _services.get(id(world))


def connect(world: World, host: Host, name: str) -> str:
    """The person's client wants to be connected from now on, with the newest certificate of that name that was ever made here."""
    certificate = _newest(host, name)
    if certificate is None:
        raise LookupError(f"Nobody ever had a certificate of the name {name}.")
    service = _service(world)
    with service.lock:
        service.wishes[name] = Wish(name, certificate)
    service.tick()
    return f"{name}'s client tries to connect, and tries again whenever it is put out."


def leave(world: World, name: str) -> str:
    service = _service(world)
    with service.lock:
        service.wishes.pop(name, None)
        service.sessions = [each for each in service.sessions if each.name != name]
    return f"{name}'s client was closed."


def rebuild(world: World, host: Host) -> str:
    """What people hold is theirs: their clients go on trying with the certificates that they have."""
    service = _service(world)
    with service.lock:
        service.stop()
        files.rebuild(world, host)
        service.start()
    return f"The root volume of {host.name} was replaced from its image: an old index, and no CRL."


def break_(host: Host, part: str) -> str:
    """`script`, `base.conf`, `ta.key` go away; `pass phrase` is put on the CA's key; `disk` is full for profiles; `crl` is not readable."""
    if part in PARTS:
        path = host.root / PARTS[part]
        if path.exists():
            path.rename(path.with_name(path.name + ".gone"))
    elif part == "pass phrase":
        _encrypt(host.root / _KEY)
    elif part == "disk":
        (host.root / _FULL).touch()
    elif part == "crl":
        (host.root / "etc/openvpn/crl.pem").chmod(0o600)
    else:
        raise LookupError(f"what is one of {', '.join((*PARTS, 'pass phrase', 'disk', 'crl'))}.")
    return f"{host.name}: {part} is broken until it is mended."


def mend(host: Host) -> str:
    for path in map(host.root.joinpath, (*PARTS.values(), _KEY)):
        if (gone := path.with_name(path.name + ".gone")).exists():
            gone.replace(path)
    (host.root / _FULL).unlink(missing_ok=True)
    if (crl := host.root / "etc/openvpn/crl.pem").exists():
        crl.chmod(0o644)
    return f"{host.name} is mended."


def _encrypt(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    if path.with_name(path.name + ".gone").exists():
        return
    plain = path.read_bytes()
    path.with_name(path.name + ".gone").write_bytes(plain)
    key = serialization.load_pem_private_key(plain, None)
    encryption = serialization.BestAvailableEncryption(b"nobody knows it")
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))


def _newest(host: Host, name: str) -> bytes | None:
    pki = host.root / "root/easy-rsa/pki"
    found = []
    for path in (*pki.glob("certs_by_serial/*.pem"), *pki.glob("revoked/certs_by_serial/*.crt"), pki / f"issued/{name}.crt"):
        if path.exists():
            text = path.read_bytes()
            text = text[text.index(b"-----BEGIN") :]
            certificate = x509.load_pem_x509_certificate(text)
            if certificate.subject.rfc4514_string() == f"CN={name}":
                found.append((certificate.not_valid_before_utc, text))
    return max(found)[1] if found else None


def _service(world: World) -> Service:
    service = _services.get(id(world))
    if service is None:
        raise LookupError("The VPN's service is not started.")
    return service
