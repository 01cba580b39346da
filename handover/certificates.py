"""Judges a renewed certificate before anybody imports it: its key, its chain, its names, its time. Pure: asks nobody, keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.exceptions import ValidationError

LONGEST = 64 * 1024  # bytes of each text
SHORTEST = timedelta(days=7)  # for which it has to be good
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


@dataclass(frozen=True, slots=True)
class Renewed:
    """The three texts as they were handed in (PEM). It is shown nowhere, for the key is in it."""

    certificate: bytes
    chain: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Renewed(…)"


@dataclass(frozen=True, slots=True)
class Judged:
    """What may be told of it. `fingerprint` is the SHA-256 of the certificate, in hex; `ends` is ISO 8601 in UTC."""

    fingerprint: str
    names: tuple[str, ...]
    ends: str
    issuer: str


def judge(renewed: Renewed, *, names: Sequence[str], ends: str = "", now: datetime | None = None) -> Judged:
    """It has to cover `names`, and to end later than `ends` where that is told. Raises ValidationError with all that is wrong."""
    now = now or datetime.now(UTC)
    certificate = _certificate(renewed.certificate)
    chain = _chain(renewed.chain)
    wrong = [
        *_of_key(certificate, renewed.key),
        *_of_chain(certificate, chain, now),
        *_of_time(certificate, ends, now),
        *_of_names(certificate, names),
    ]
    if wrong:
        raise ValidationError(wrong)
    return Judged(fingerprint(certificate), _names(certificate), certificate.not_valid_after_utc.isoformat(), _called(certificate.issuer))


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def fingerprint_of(pem: str) -> str:
    """Of a certificate that is served. Raises ValidationError."""
    return fingerprint(_certificate(pem.encode()))


def _certificate(pem: bytes) -> x509.Certificate:
    found = _read(pem, "certificate")
    if len(found) != 1:
        raise ValidationError(
            f"The certificate field has {len(found)} certificates; put one there, and those that issued it into the chain."
        )
    return found[0]


def _chain(pem: bytes) -> list[x509.Certificate]:
    return _read(pem, "chain") if pem.strip() else []


def _read(pem: bytes, what: str) -> list[x509.Certificate]:
    if len(pem) > LONGEST:
        raise ValidationError(f"The {what} has {len(pem):,} bytes; {LONGEST:,} at most.")
    if b"PRIVATE KEY" in pem:
        raise ValidationError(f"There is a private key in the {what}. It belongs into its own field, and nowhere else.")
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValidationError(f"The {what} is no PEM: it begins with -----BEGIN CERTIFICATE-----.") from None


def _of_key(certificate: x509.Certificate, pem: bytes) -> Iterator[str]:
    try:
        key = serialization.load_pem_private_key(pem[:LONGEST], password=None)
    except TypeError:
        yield "The private key is encrypted. ACM takes it without a passphrase only."
        return
    except ValueError:
        yield "The private key is no PEM that can be read: it begins with -----BEGIN PRIVATE KEY-----."
        return
    if isinstance(key, rsa.RSAPrivateKey):
        if not 2048 <= key.key_size <= 4096:
            yield f"The key is RSA of {key.key_size} bits; CloudFront and load balancers take 2048 to 4096."
    elif not (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES):
        yield "The key is neither RSA nor of the curves P-256, P-384 and P-521, which are what ACM takes."
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        yield "The private key does not belong to this certificate."


def _of_chain(certificate: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime) -> Iterator[str]:
    """Each is issued by the next. That the last one is trusted is the browsers' word, not ours."""
    if _is_authority(certificate):
        yield "The certificate is an authority's own. Put the one of the names there, and this one into the chain."
    if not chain and certificate.issuer != certificate.subject:
        yield f"The chain is missing: {_called(certificate.issuer)} issued it, and clients that do not know that one refuse it."
    for one, issuer in zip([certificate, *chain], chain, strict=False):
        if not _issued(one, issuer):
            yield f"{_called(one.subject)} is not issued by {_called(issuer.subject)}, which follows it in the chain."
        if not _is_authority(issuer):
            yield f"{_called(issuer.subject)} is in the chain and is no authority."
        if not issuer.not_valid_before_utc <= now < issuer.not_valid_after_utc:
            yield f"{_called(issuer.subject)} in the chain is valid until {issuer.not_valid_after_utc:%Y-%m-%d} only."


def _issued(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _of_time(certificate: x509.Certificate, ends: str, now: datetime) -> Iterator[str]:
    begins, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begins > now:
        yield f"It is valid from {begins:%Y-%m-%d %H:%M} UTC on: not yet."
    if end < now + SHORTEST:
        yield f"It ends on {end:%Y-%m-%d}: in less than {SHORTEST.days} days."
    if ends and end <= datetime.fromisoformat(ends):
        yield f"It ends on {end:%Y-%m-%d}, no later than the one that is there ({ends[:10]})."


def _of_names(certificate: x509.Certificate, names: Sequence[str]) -> Iterator[str]:
    own = _names(certificate)
    missing = [name for name in dict.fromkeys(names) if not any(_covers(each, name) for each in own)]
    if missing:
        yield f"It is not for {', '.join(missing)}, which the one that is there is for; it is for {', '.join(own) or 'no name at all'}."


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Browsers look at the alternative names alone."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in found.get_values_for_type(x509.DNSName))


def _covers(own: str, name: str) -> bool:
    """A star stands for one label, and covers itself."""
    name = name.lower()
    return own == name or (own.startswith("*.") and "*" not in name and name.partition(".")[2] == own[2:])


def _called(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value)[:80] if found else name.rfc4514_string()[:80]
