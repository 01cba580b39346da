"""The second factor: who still has to set one up, and whose last proof is too old for what they are about to do.

It is a setting; a token of the API stands in for it. What it is (codes of an app, security keys, passkeys, recovery codes) is allauth's.
"""

from __future__ import annotations

import base64
import time
from urllib.parse import urlsplit

from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from people.models import Operator

FRESH_SECONDS = 300
_ENCRYPTED = frozenset({"secret", "seed"})  # of an app, and of recovery codes; what is kept of keys and passkeys is public
_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class ProveAgain(Exception):
    """The person may do this, and has to show the second factor once more before."""


def is_missing(operator: Operator) -> bool:
    """Asked for here, and never set up. Asked once for each request."""
    if not settings.SECOND_FACTOR or operator.token is not None:
        return False
    if operator.has_second_factor is None:
        operator.has_second_factor = Authenticator.objects.filter(user=operator.pk, type__in=_FACTORS).exists()
    return not operator.has_second_factor


def is_stale(operator: Operator) -> bool:
    """Of a person on a page: their last proof is older than five minutes. What no request asked for, nobody has to prove."""
    request = context.request
    if not settings.SECOND_FACTOR or operator.token is not None or request is None:
        return False
    proofs = [float(record["at"]) for record in get_authentication_records(request, operator) if record.get("method") == "mfa"]
    return not proofs or time.time() - proofs[-1] > FRESH_SECONDS


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Secrets of authenticators lie encrypted in the database; keys are bound to the host by which people reach the console."""

    error_messages = {**DefaultMFAAdapter.error_messages, "incorrect_code": "That code or key is not the right one."}

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box().decrypt(encrypted_text.encode()).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": urlsplit(settings.SITE_URL).hostname or "", "name": settings.MFA_TOTP_ISSUER}


def reseal() -> tuple[int, list[str]]:
    """How many secrets are encrypted with the key of now, and whose no key that is known opens. In the caller's transaction."""
    box, resealed, lost = _box(), 0, []
    for one in Authenticator.objects.select_for_update(of=("self",)).select_related("user").order_by("pk"):
        try:
            for name in _ENCRYPTED & one.data.keys():
                one.data[name] = box.rotate(one.data[name]).decode()
                resealed += 1
        except InvalidToken:
            lost.append(one.user.get_username())
        else:
            one.save(update_fields=["data"])
    return resealed, lost


def _box() -> MultiFernet:
    return MultiFernet([_cipher(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _cipher(key: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"second factors").derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
