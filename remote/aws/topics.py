"""SNS: who is subscribed to a topic, and subscribing."""

from __future__ import annotations

from dataclasses import dataclass

from remote.aws.session import ask_all, tell

PENDING = "PendingConfirmation"


@dataclass(frozen=True, slots=True)
class Subscription:
    """`arn` is empty until somebody has confirmed it."""

    arn: str
    protocol: str  # email, https, …
    endpoint: str

    @property
    def is_confirmed(self) -> bool:
        return bool(self.arn)


def subscriptions(topic: str) -> list[Subscription]:
    found = ask_all("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic)
    return [Subscription(_arn(each["SubscriptionArn"]), each["Protocol"], each["Endpoint"]) for each in found]


def subscribe(topic: str, protocol: str, endpoint: str) -> None:
    """SNS sends a token to the endpoint; nothing is delivered there before `confirm`."""
    tell("sns", "subscribe", TopicArn=topic, Protocol=protocol, Endpoint=endpoint)


def confirm(topic: str, token: str) -> str:
    """The subscription's ARN."""
    arn: str = tell("sns", "confirm_subscription", TopicArn=topic, Token=token)["SubscriptionArn"]
    return arn


def _arn(told: str) -> str:
    return told if told.startswith("arn:") else ""
