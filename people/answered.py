"""What the API has answered to a change that named an Idempotency-Key: the same again gets the same answer, and nothing is done twice.

An answer may hold a secret that is told once (a token, a one-time link), so it lies encrypted, under a key that whoever asks brings along.
What was refused is not kept: nothing was changed, and the same key may try again.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from people.models import Answered, Operator

KEPT = timedelta(days=1)
_UNDER_WAY = timedelta(minutes=2)  # longer than the longest request lasts


class OtherRequest(Exception):
    """This key belongs to another request. `str(error)` says what to do, as of those below."""


class UnderWay(Exception):
    """The first one with this key has no answer yet."""


class CutOff(Exception):
    """The first one with this key never got an answer: nobody knows what came of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Intention:
    """One key of one caller, and a digest of what is asked for by it."""

    operator: Operator
    key: str
    asked: str

    @property
    def digest(self) -> str:
        """The key is not kept, since it opens the answer; another token of the same person is another caller."""
        token = self.operator.token.pk if self.operator.token else "a session"
        return hashlib.sha256(f"{token} {self.key}".encode()).hexdigest()

    def begin(self, *, repeatable: bool) -> Answer | None:
        """What was answered before, or None for whoever goes on and asks for the first time.

        `repeatable`: what is done knows the key itself, so one that was cut off may be done again.
        Raises OtherRequest, UnderWay, CutOff.
        """
        try:
            with transaction.atomic():
                Answered.objects.create(operator=self.operator, digest=self.digest, asked=self.asked)
        except IntegrityError:
            return self._before(repeatable=repeatable)
        return None

    def _before(self, *, repeatable: bool) -> Answer | None:
        before = Answered.objects.filter(operator=self.operator, digest=self.digest).first()
        if before is None:  # refused at this very moment
            raise UnderWay("The first request with this Idempotency-Key has just ended. Send it again.")
        if before.asked != self.asked:
            raise OtherRequest("This Idempotency-Key was sent with another request before. Use a new key for each intention.")
        if before.status is not None:
            return Answer(before.status, self._opened(before.sealed))
        if repeatable:
            return None
        if timezone.now() - before.begun < _UNDER_WAY:
            raise UnderWay("The first request with this Idempotency-Key is still under way. Ask again in a moment.")
        raise CutOff("The first request with this Idempotency-Key was cut off. Look whether it was done, then use a new key.")

    def end(self, answer: Answer) -> None:
        sealed = self._box().encrypt(answer.content).decode()
        Answered.objects.filter(operator=self.operator, digest=self.digest).update(status=answer.status, sealed=sealed)

    def forget(self) -> None:
        """It was refused."""
        Answered.objects.filter(operator=self.operator, digest=self.digest, status=None).delete()

    def _opened(self, sealed: str) -> bytes:
        try:
            return self._box().decrypt(sealed.encode())
        except InvalidToken:
            raise CutOff("This was done; the answer cannot be read any more, since SECRET_KEY is another. Look at what there is.") from None

    def _box(self) -> MultiFernet:
        return MultiFernet([_cipher(secret, self.key) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _cipher(secret: str, key: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"answers " + key.encode()).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
