"""The policies in docs/iam allow what the code asks and tells, each in its place; the one for reading changes nothing."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.remote.aws_calls import calls

FOLDER = Path(__file__).parents[2] / "docs" / "iam"
POLICIES = ("read", "release", "access")


def allowed(policy: str) -> list[str]:
    document = json.loads((FOLDER / f"{policy}.json").read_text())
    assert document["Version"] == "2012-10-17"
    return [action for each in document["Statement"] if each["Effect"] == "Allow" for action in each["Action"]]


def allows(policies: tuple[str, ...], action: str) -> bool:
    return any(fnmatchcase(action, pattern) for policy in policies for pattern in allowed(policy))


def test_the_code_makes_calls_that_can_be_read_from_it() -> None:
    found = calls()
    assert {"ec2:DescribeInstances", "elasticbeanstalk:UpdateEnvironment", "s3:PutObject"} <= {call.action for call in found}
    assert not any(call.writes for call in found if ":Describe" in call.action)


def test_every_question_is_allowed_to_the_reader() -> None:
    assert [call for call in sorted(calls()) if not call.writes and not allows(("read",), call.action)] == []


def test_every_change_is_allowed_by_release_or_access_and_never_by_read() -> None:
    changes = [call for call in sorted(calls()) if call.writes]
    assert [call for call in changes if not allows(("release", "access"), call.action)] == []
    assert [call for call in changes if allows(("read",), call.action)] == []


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_is_allowed_wholesale(policy: str) -> None:
    wide = [action for action in allowed(policy) if action.endswith(":*") or action == "*"]
    assert wide == (["autoscaling:*", "cloudformation:*"] if policy == "release" else [])  # what Beanstalk does as the caller


def test_nobody_may_change_who_may_what() -> None:
    assert [action for policy in POLICIES for action in allowed(policy) if action.split(":")[0] in ("iam", "organizations", "kms")] == []
