"""Certificates as an authority issues them, and as somebody gets them wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from handover.certificates import Renewed

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Issuer:
    certificate: x509.Certificate
    key: PrivateKey


def called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def made(
    name: str,
    key: PrivateKey,
    by: Issuer | None = None,
    *,
    names: tuple[str, ...] = (),
    ca: bool = False,
    begins: int = -1,
    days: int = 390,
) -> x509.Certificate:
    """Signed by itself without an issuer. `begins` and `days` count from now."""
    now = datetime.now(UTC)
    issuer = by.certificate.subject if by else called(name)
    builder = (
        x509.CertificateBuilder(issuer, called(name), key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
    return builder.sign(by.key if by else key, hashes.SHA256())


def authority(name: str = "Example authority", by: Issuer | None = None, days: int = 3000) -> Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    return Issuer(made(name, key, by, ca=True, days=days), key)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def pem_of(key: PrivateKey, password: bytes = b"") -> bytes:
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)


def renewed(*names: str, days: int = 390) -> Renewed:
    """All right: by an intermediate of a root."""
    root = authority("Example root")
    middle = authority("Example authority", root)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = made(names[0], key, middle, names=names, days=days)
    return Renewed(pem(leaf), pem(middle.certificate, root.certificate), pem_of(key))
