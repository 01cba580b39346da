"""What AWS and botocore raise, translated once into `remote.errors`, with what a person does next.

Certainty decides: an answer with a 4xx or a connection that never came about means that nothing happened; everything else may have.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore import exceptions as botocore
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from remote.errors import AlreadyExists, Busy, Denied, NotFound, Refused, RemoteError, Throttled, Unanswered, Unreachable

_THROTTLED = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException", "RequestLimitExceeded",
    "TooManyRequestsException", "BandwidthLimitExceeded", "PriorRequestNotComplete", "SlowDown", "LimitExceededException",
}  # fmt: skip
_DENIED = {
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure", "InsufficientPrivilegesException", "OptInRequired",
    "IncompleteSignature", "RequestExpired", "MissingAuthenticationToken",
}  # fmt: skip
_NOT_KNOWN = {
    "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException",
    "ExpiredToken", "ExpiredTokenException",
}  # fmt: skip
_NOT_KNOWN_WORDS = "validate the provided access credentials"  # EC2's AuthFailure is of a key, or of an image that is somebody else's
_CLOCK = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_CLOCK_WORDS = ("Signature expired", "Signature not yet current")
_BUSY = {
    "OperationInProgress",
    "OperationInProgressException",
    "OperationInProgressFailure",
    "ResourceInUse",
    "ResourceInUseException",
    "IncorrectState",
}
_EXISTS = {"PriorityInUse", "BucketAlreadyOwnedByYou", "ResourceAlreadyExistsException"}

# Beanstalk gives one code, InvalidParameterValue, to all that it refuses; only the words tell them apart (words seen in AWS's own answers).
_BUSY_WORDS = ("Must be Ready", "currently pending deployment")
_MISSING_WORDS = ("No Environment found", "No Application Version named", "No Application named", "does not exist")

CHECK_NETWORK = "Check the console's network, its proxy and AWS's status page; nothing was changed, so it is safe to try again."
CHECK_WORLD = "It may have happened. Look at the thing itself before you repeat it; the run does so with its own probe."
ASK_AGAIN = "It was a question: nothing was changed, and it can be asked again. Where it goes on, look at AWS's status page."


@contextmanager
def translated(doing: str, *, changes: bool = False) -> Iterator[None]:
    """What boto3 raises inside leaves as a RemoteError that names `doing`, which changes something, or only asks."""
    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError, Boto3Error) as error:
        raise translate(error, doing, CHECK_WORLD if changes else ASK_AGAIN) from error


def translate(error: Exception, doing: str, unanswered: str) -> RemoteError:
    """The RemoteError that stands for a foreign error; `unanswered` is what to do where no answer came."""
    if isinstance(error, Boto3Error) and isinstance(error.__context__, (ClientError, BotoCoreError)):
        error = error.__context__  # S3's transfer wraps the one that says why
    match error:
        case ClientError():
            return _refusal(error, doing, unanswered)
        case botocore.NoCredentialsError() | botocore.PartialCredentialsError() | botocore.CredentialRetrievalError():
            return Denied(
                f"{doing}: no AWS credentials ({error})", "Give the console a role or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        case botocore.NoRegionError():
            return Refused(f"{doing}: no AWS region is set", "Set AWS_DEFAULT_REGION.")
        case botocore.ParamValidationError():
            return Refused(f"{doing}: {error}", "AWS was not asked: correct what was entered.")
        case botocore.SSLError() if not _is_a_certificate(error):
            return Unanswered(f"{doing}: the encrypted connection broke ({error})", unanswered)
        case botocore.SSLError():
            return Unreachable(f"{doing}: AWS's certificate is not accepted ({error})", "Check SSL_CERT_FILE, AWS_CA_BUNDLE and the proxy.")
        case botocore.ConnectTimeoutError() | botocore.EndpointConnectionError() | botocore.ProxyConnectionError():
            return Unreachable(f"{doing}: no connection ({error})", CHECK_NETWORK)
        case ResponseParserError():
            return Unanswered(f"{doing}: the answer cannot be read", unanswered)
        case _:
            return Unanswered(f"{doing}: no answer ({error})", unanswered)


def _refusal(error: ClientError, doing: str, unanswered: str) -> RemoteError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = str(error.response.get("Error", {}).get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = f"{doing}: {said} ({code})" if said else f"{doing}: {code}"
    if code in _THROTTLED or status == 429:
        return Throttled(message, "AWS slows the account down. Nothing is lost: it is tried again, later.")
    if status >= 500:
        return Unanswered(message, unanswered)
    if code in _CLOCK or said.startswith(_CLOCK_WORDS):
        return Denied(message, "This machine's clock differs from AWS's by more than five minutes: set it right (timedatectl).")
    if code in _NOT_KNOWN or _NOT_KNOWN_WORDS in said:
        return Denied(
            message,
            "AWS does not take the console's key: it was made inactive or deleted, has ended, or its secret is another's. Put one that is "
            "good into the environment and restart worker, scheduler and web (docs/operations.md, “Credentials”).",
        )
    if code in _DENIED or status in (401, 403):
        return Denied(message, "Check the console's role and its policy in IAM: the message names the call.")
    if code in _BUSY or any(words in said for words in _BUSY_WORDS):
        return Busy(message, "Someone else is changing it. Look at its events; it can be tried again when it is Ready.")
    if code in _EXISTS or "already exists" in said or "AlreadyExists" in code or "Duplicate" in code:
        return AlreadyExists(message, "Look whether the one that is there is the right one, or choose another name.")
    if status == 404 or code.startswith("NoSuch") or "NotFound" in code or any(words in said for words in _MISSING_WORDS):
        return NotFound(message, "Check the name and the region in estate.yaml against AWS.")
    return Refused(message, "AWS said no; nothing was changed. The words in the message say why.")


def _is_a_certificate(error: botocore.SSLError) -> bool:
    """Refused before anything was sent; any other fault of TLS may come in the middle of an answer."""
    cause: object = error.kwargs.get("error")
    while isinstance(cause, BaseException):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else (cause.__cause__ or cause.__context__)
    return False
