"""A certificate authority in easy-rsa's folders: fills the VPN host's PKI at the start, and is `easyrsa` where that is not installed.

The same files, index lines and words as easy-rsa 3.1, so that the real program goes on with what this one began. Imports nothing of the
sandbox: as `python authority.py …` it is the stand-in program itself, and the little of `openssl` that the host's scripts use.
"""

from __future__ import annotations

import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE_DAYS, CRL_DAYS, CA_DAYS = 825, 180, 3650  # easy-rsa's defaults
_FOLDERS = (
    "issued private reqs certs_by_serial revoked/certs_by_serial revoked/private_by_serial revoked/reqs_by_serial"
    " renewed/certs_by_serial renewed/private_by_serial renewed/reqs_by_serial"
)


def init(pki: Path, *, now: datetime) -> None:
    """The folders, the CA and an empty index."""
    for folder in _FOLDERS.split():
        (pki / folder).mkdir(parents=True, exist_ok=True)
    (pki / "index.txt").touch()
    (pki / "index.txt.attr").write_text("unique_subject = no\n")
    (pki / "serial").write_text("01\n")
    key, name = ec.generate_private_key(ec.SECP384R1()), _name("Client VPN CA")
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(_serial())
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=CA_DAYS))
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    made = made.add_extension(_usage(ca=True), critical=False)
    _private(pki / "private/ca.key", _pem_of(key))
    (pki / "ca.crt").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def gen_req(pki: Path, name: str) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(_name(name)).sign(key, hashes.SHA256())
    _private(pki / f"private/{name}.key", _pem_of(key))
    (pki / f"reqs/{name}.req").write_bytes(request.public_bytes(serialization.Encoding.PEM))


def sign_req(pki: Path, kind: str, name: str, *, now: datetime, days: int = CERTIFICATE_DAYS) -> str:
    """The serial. `kind` is client or server. Raises ValueError where the CA's key cannot be read without a pass phrase."""
    try:
        authority = serialization.load_pem_private_key((pki / "private/ca.key").read_bytes(), None)
    except TypeError as error:
        raise ValueError("pass phrase") from error
    request = x509.load_pem_x509_csr((pki / f"reqs/{name}.req").read_bytes())
    issuer = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
    use = ExtendedKeyUsageOID.SERVER_AUTH if kind == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
    made = x509.CertificateBuilder().subject_name(request.subject).issuer_name(issuer.subject).public_key(request.public_key())
    made = made.serial_number(_serial()).not_valid_before(now).not_valid_after(now + timedelta(days=days))
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)  # type: ignore[arg-type]
    made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    made = made.add_extension(_usage(ca=False), critical=False)
    certificate = made.sign(authority, hashes.SHA256())  # type: ignore[arg-type]
    serial = f"{certificate.serial_number:032X}"
    text = certificate.public_bytes(serialization.Encoding.PEM)
    (pki / f"issued/{name}.crt").write_bytes(text)
    (pki / f"certs_by_serial/{serial}.pem").write_bytes(text)
    with (pki / "index.txt").open("a") as index:
        index.write(f"V\t{certificate.not_valid_after_utc:%y%m%d%H%M%SZ}\t\t{serial}\tunknown\t/CN={name}\n")
    return serial


def revoke(pki: Path, name: str, *, now: datetime) -> str:
    """The serial. Raises FileNotFoundError where no certificate of that name is there."""
    certificate = x509.load_pem_x509_certificate((pki / f"issued/{name}.crt").read_bytes())
    serial = f"{certificate.serial_number:032X}"
    rows = [line.split("\t") for line in (pki / "index.txt").read_text().splitlines()]
    for row in rows:
        if row[3] == serial and row[0] == "V":
            row[0], row[2] = "R", f"{now:%y%m%d%H%M%SZ}"
    (pki / "index.txt").write_text("".join("\t".join(row) + "\n" for row in rows))
    for source, to in (
        ("issued/{}.crt", "certs_by_serial/{}.crt"),
        ("private/{}.key", "private_by_serial/{}.key"),
        ("reqs/{}.req", "reqs_by_serial/{}.req"),
    ):
        if (old := pki / source.format(name)).exists():
            old.rename(pki / "revoked" / to.format(serial))
    return serial


def gen_crl(pki: Path, *, now: datetime, days: int = CRL_DAYS) -> None:
    authority = serialization.load_pem_private_key((pki / "private/ca.key").read_bytes(), None)
    issuer = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
    made = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(now).next_update(now + timedelta(days=days))
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)  # type: ignore[arg-type]
    for line in (pki / "index.txt").read_text().splitlines():
        state, _, revoked, serial, *_ = line.split("\t")
        if state == "R":
            date = datetime.strptime(revoked.split(",")[0], "%y%m%d%H%M%SZ").replace(tzinfo=UTC)
            made = made.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(date).build()
            )
    text = made.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]
    _private(pki / "crl.pem", text)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _serial() -> int:
    """Positive and of full length, as `openssl rand -hex 16` gives them."""
    return int.from_bytes(bytes([secrets.randbelow(127) + 1]) + secrets.token_bytes(15), "big")


def _usage(*, ca: bool) -> x509.KeyUsage:
    others = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    return x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **others)


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


# -- The stand-in program: the few commands of easy-rsa that the VPN host's scripts use, in easy-rsa's words.


def main(argv: list[str]) -> int:
    words = [word for word in argv if not word.startswith("--")]
    pki, now = Path.cwd() / "pki", datetime.now(UTC)
    match words:
        case ["gen-req", name, *_]:
            gen_req(pki, name)
            print(
                f"\nKeypair and certificate request completed. Your files are:\nreq: {pki}/reqs/{name}.req\nkey: {pki}/private/{name}.key\n"
            )
        case ["sign-req", kind, name]:
            if not (pki / f"reqs/{name}.req").exists():
                return _error(f"No request found for the input: '{name}'\nExpected to find the request at: {pki}/reqs/{name}.req")
            try:
                sign_req(pki, kind, name, now=now)
            except ValueError:
                print(
                    f"Enter pass phrase for {pki}/private/ca.key:\nCould not read CA private key from {pki}/private/ca.key", file=sys.stderr
                )
                return _error("signing failed (openssl output above may have more detail)")
            print(f"\nCertificate created at: {pki}/issued/{name}.crt\n")
        case ["revoke", name, *_]:
            try:
                serial = revoke(pki, name, now=now)
            except FileNotFoundError:
                return _error(f"Unable to revoke as no certificate was found.\nCertificate was expected at: {pki}/issued/{name}.crt")
            print(
                f"Revoking Certificate {serial}.\nData Base Updated\n\nIMPORTANT!!!\n\nRevocation was successful. You must run gen-crl and"
            )
            print("upload a CRL to your infrastructure in order to prevent the revoked certificate from being accepted.")
        case ["gen-crl"]:
            gen_crl(pki, now=now, days=int(os.environ.get("EASYRSA_CRL_DAYS", CRL_DAYS)))
            print(f"\nAn updated CRL has been created.\nCRL file: {pki}/crl.pem\n")
        case ["openssl", "pkey", "-in", path, "-pubout"]:
            key = serialization.load_pem_private_key(_block(Path(path).read_bytes(), b"PRIVATE KEY"), None)
            print(
                key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(), end=""
            )
        case ["openssl", "x509", "-in", path, "-noout", "-serial"]:
            print(f"serial={x509.load_pem_x509_certificate(Path(path).read_bytes()).serial_number:032X}")
        case _:
            return _error(f"Unknown command '{' '.join(words)}'. Run without commands for usage help.")
    return 0


def _block(text: bytes, kind: bytes) -> bytes:
    begin, end = b"-----BEGIN " + kind + b"-----", b"-----END " + kind + b"-----"
    return text[text.index(begin) : text.index(end) + len(end)]


def _error(text: str) -> int:
    print(f"\nEasy-RSA error:\n\n{text}\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
