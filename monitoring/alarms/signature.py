"""Is this message of SNS's? Its signature, held against the certificate that lies at SNS's own host.

Lives here: what is signed, and checking it; pure but for the certificate, which the caller fetches. Whether a message is news is `sns`'s.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_OPTIONAL = ("Subject",)
_PATH = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{8,64}\.pem")
_ALGORITHMS: Mapping[str, type[hashes.SHA1 | hashes.SHA256]] = {"1": hashes.SHA1, "2": hashes.SHA256}


class NotSigned(Exception):
    """Nobody of SNS's has signed this. The text says why, in a word that is counted."""


def certificate_url(message: Mapping[str, str], host: str) -> str:
    """Where the certificate lies, if that is where SNS's lie. Raises NotSigned."""
    url = message.get("SigningCertURL", "")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotSigned("certificate host") from None
    if parts.scheme != "https" or parts.netloc != host or port or not _PATH.fullmatch(parts.path) or parts.query or parts.fragment:
        raise NotSigned("certificate host")
    return url


def verify(message: Mapping[str, str], pem: bytes, now: datetime) -> None:
    """Raises NotSigned."""
    algorithm = _ALGORITHMS.get(message.get("SignatureVersion", ""))
    if algorithm is None or not message.get("Signature"):
        raise NotSigned("unsigned")
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        signature = base64.b64decode(message["Signature"], validate=True)
    except (ValueError, binascii.Error):
        raise NotSigned("unsigned") from None
    if not certificate.not_valid_before_utc <= now.astimezone(UTC) <= certificate.not_valid_after_utc:
        raise NotSigned("certificate")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise NotSigned("certificate")
    try:
        key.verify(signature, text(message).encode(), padding.PKCS1v15(), algorithm())
    except InvalidSignature:
        raise NotSigned("signature") from None


def text(message: Mapping[str, str]) -> str:
    """What SNS signs: names and values, a line each. Raises NotSigned where something is missing."""
    names = SIGNED.get(message.get("Type", ""), ())
    if not names or any(name not in message for name in names if name not in _OPTIONAL):
        raise NotSigned("incomplete")
    return "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
