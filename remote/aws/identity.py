"""STS: as whom the console speaks to AWS."""

from __future__ import annotations

from dataclasses import dataclass

from remote.aws.session import Patience, ask


@dataclass(frozen=True, slots=True)
class Identity:
    account: str
    arn: str


def who_am_i(*, patience: Patience | None = None) -> Identity:
    """Raises Denied where there are no credentials or AWS does not know them."""
    answer = ask("sts", "get_caller_identity", patience=patience)
    return Identity(answer["Account"], answer["Arn"])
