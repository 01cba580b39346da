"""SNS as moto has it, with what it lacks: subscriptions that wait to be confirmed, and messages signed as AWS signs them.

Lives here: subscribing, confirming, delivering. The certificate is handed out under SNS's own name (`CERTIFICATE_HOST`), which the proxy
of the sandbox answers for. Mail is not sent: it is kept to be looked at.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.sns import models, urls
from moto.sns.responses import SNSResponse

from sandbox.world import ACCOUNT, REGION

ALARM_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:client-production-alarms"
MAILING_LIST = "exploitation@client.url"
CERTIFICATE_HOST = f"sns.{REGION}.amazonaws.com"
CERTIFICATE_PATH = "/SimpleNotificationService-0a1b2c3d4e5f60718293a4b5c6d7e8f9.pem"
TRIES, BETWEEN = 3, 1.0  # deliveries of one message, seconds between them
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
PENDING = "PendingConfirmation"
_TO_CONFIRM = "To confirm the subscription, visit the SubscribeURL included in this message."


class InvalidToken(ServiceException):
    code = "InvalidParameter"


class Signer:
    """One key and its certificate, made at the start."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        certificate = builder.not_valid_after(now + timedelta(days=365)).sign(self._key, hashes.SHA256())
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, message: dict[str, str], version: str) -> dict[str, str]:
        text = "".join(f"{name}\n{message[name]}\n" for name in SIGNED[message["Type"]] if name in message)
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 -- version 1 of SNS is SHA-1
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        url = f"https://{CERTIFICATE_HOST}{CERTIFICATE_PATH}"
        return message | {"SignatureVersion": version, "Signature": base64.b64encode(signature).decode(), "SigningCertURL": url}


class Topics(models.SNSBackend):
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.signer = Signer() if region_name == REGION else None
        self.tokens: dict[str, Any] = {}
        self.mails: deque[dict[str, str]] = deque(maxlen=200)
        self.posted: deque[dict[str, str]] = deque(maxlen=200)  # what went out signed

    @property
    def _url_module(self) -> Any:
        return urls

    def subscribe(self, topic_arn: str, endpoint: str, protocol: str) -> Any:
        known = self._find_subscription(topic_arn, endpoint, protocol)
        subscription = super().subscribe(topic_arn, endpoint, protocol)
        if protocol in ("http", "https", "email") and (known is None or not subscription.confirmed):
            self._ask_to_confirm(subscription)
        return subscription

    def _ask_to_confirm(self, subscription: Any) -> None:
        subscription.confirmed = False
        subscription.attributes["PendingConfirmation"] = "true"
        token = uuid4().hex + uuid4().hex
        self.tokens[token] = subscription
        arn = subscription.topic.arn
        message = {
            "Type": "SubscriptionConfirmation",
            "MessageId": str(uuid4()),
            "Token": token,
            "TopicArn": arn,
            "Message": f"You have chosen to subscribe to the topic {arn}.\n{_TO_CONFIRM}",
            "SubscribeURL": f"https://{CERTIFICATE_HOST}/?Action=ConfirmSubscription&TopicArn={arn}&Token={token}",
            "Timestamp": _timestamp(),
        }
        self._send(subscription, message, "AWS Notification - Subscription Confirmation")

    def confirm(self, topic_arn: str, token: str) -> str:
        subscription = self.tokens.get(token)
        if subscription is None or subscription.topic.arn != topic_arn:
            raise InvalidToken("Invalid parameter: Token")
        subscription.confirmed = True
        subscription.attributes["PendingConfirmation"] = "false"
        arn: str = subscription.arn
        return arn

    def deliver(self, topic: Any, message: str, message_id: str, subject: str | None) -> None:
        body = {"Type": "Notification", "MessageId": message_id, "TopicArn": topic.arn, "Message": message, "Timestamp": _timestamp()}
        if subject:
            body["Subject"] = subject
        for subscription in self._get_topic_subscriptions(topic):
            if subscription.confirmed:
                self._send(subscription, body, subject or "AWS Notification Message")

    def _send(self, subscription: Any, message: dict[str, str], subject: str) -> None:
        if subscription.protocol == "email":
            self.mails.append({"to": subscription.endpoint, "subject": subject, "text": message["Message"], "at": message["Timestamp"]})
        elif self.signer is not None:
            version = str(getattr(subscription.topic, "signature_version", "1") or "1")
            signed = self.signer.sign(message, version)
            if message["Type"] == "Notification":
                signed["UnsubscribeURL"] = f"https://{CERTIFICATE_HOST}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}"
            self.posted.append(signed)
            self.post(subscription.endpoint, subscription.arn, signed)

    def post(self, endpoint: str, arn: str, message: dict[str, str]) -> None:
        """In a thread of its own, tried again a few times, as SNS does."""
        body = json.dumps(message)
        threading.Thread(target=_post, args=(endpoint, arn, message, body), name="sns", daemon=True).start()


def _post(endpoint: str, arn: str, message: dict[str, str], body: str) -> None:
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": message.get("Type", ""),
        "x-amz-sns-message-id": message.get("MessageId", ""),
        "x-amz-sns-topic-arn": message.get("TopicArn", ""),
        "x-amz-sns-subscription-arn": arn,
        "User-Agent": "Amazon Simple Notification Service Agent",
    }
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(TRIES):
        try:
            with opener.open(urllib.request.Request(endpoint, body.encode(), headers), timeout=15):  # noqa: S310 -- http and https alone are subscribed
                return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
        except OSError:
            pass
        time.sleep(BETWEEN)


def publish(resource: str, subject: str, message: str) -> str:
    """An alarm's action. Says why it failed, or nothing."""
    if resource not in backend().topics:
        return "Topic does not exist"
    backend().topics[resource].publish(message, subject=subject)
    return ""


def send_raw(message: dict[str, str]) -> int:
    """Sends a message as it is to everybody who is subscribed by HTTP; says to how many."""
    found = [each for each in backend().subscriptions.values() if each.protocol in ("http", "https")]
    for subscription in found:
        backend().post(subscription.endpoint, subscription.arn, message)
    return len(found)


def last_posted() -> dict[str, str] | None:
    """The newest notification that went out."""
    return next((message for message in reversed(backend().posted) if message["Type"] == "Notification"), None)


def certificate(path: str) -> tuple[int, dict[str, str], bytes, str]:
    """What SNS's own name answers: the certificate, and nothing else."""
    signer = backend().signer
    if path.partition("?")[0] == CERTIFICATE_PATH and signer is not None:
        return 200, {"Content-Type": "application/x-pem-file"}, signer.certificate, ""
    return 404, {"Content-Type": "text/plain"}, b"There is nothing here.\n", ""


def backend() -> Topics:
    return cast(Topics, models.sns_backends[ACCOUNT][REGION])


def seed() -> None:
    """The topic of the document's alarms; the mailing list has confirmed long ago."""
    topics = backend()
    topics.create_topic("client-production-alarms", {}, {})
    topics.subscribe(ALARM_TOPIC, MAILING_LIST, "email")
    for token in list(topics.tokens):
        topics.confirm(ALARM_TOPIC, token)
    topics.mails.clear()


def install() -> None:
    """Puts these in the place of moto's; before the first request."""
    models.sns_backends.backend = Topics
    topic: Any = models.Topic
    topic.publish = _publish
    response: Any = SNSResponse
    response.confirm_subscription = _confirm_subscription
    response.list_subscriptions = _listed(response.list_subscriptions)
    response.list_subscriptions_by_topic = _listed(response.list_subscriptions_by_topic)
    response.subscribe = _subscribed(response.subscribe)


def _publish(self: Any, message: str, subject: str | None = None, **_: Any) -> str:
    message_id = str(uuid4())
    self.sns_backend.deliver(self, message, message_id, subject)
    self.sent_notifications.append((message_id, message, subject, None, None))
    return message_id


def _confirm_subscription(self: Any) -> ActionResult:
    return ActionResult({"SubscriptionArn": backend().confirm(self._get_param("TopicArn"), self._get_param("Token") or "")})


def _subscribed(original: Any) -> Any:
    def subscribe(self: Any) -> ActionResult:
        answer: Any = original(self)
        found = backend().subscriptions.get(answer.result["SubscriptionArn"])
        if (
            found is not None
            and found.attributes.get("PendingConfirmation") == "true"
            and self._get_param("ReturnSubscriptionArn") != "true"
        ):
            return ActionResult({"SubscriptionArn": "pending confirmation"})
        return ActionResult(answer.result)

    return subscribe


def _listed(original: Any) -> Any:
    """A subscription that waits has no ARN yet, but a word."""

    def listed(self: Any) -> ActionResult:
        answer: Any = original(self)
        shown = [
            {
                "SubscriptionArn": PENDING if each.attributes.get("PendingConfirmation") == "true" else each.arn,
                "Owner": ACCOUNT,
                "Protocol": each.protocol,
                "Endpoint": each.endpoint,
                "TopicArn": each.topic_arn,
            }
            for each in answer.result["Subscriptions"]
        ]
        return ActionResult(answer.result | {"Subscriptions": shown})

    return listed


def _timestamp() -> str:
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"
