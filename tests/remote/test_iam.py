"""The policies in docs/iam allow what the code asks and tells, each in its place; the one for reading changes nothing."""

from __future__ import annotations

import json
import re
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


def test_attributes_are_changed_of_beanstalks_own_target_groups_alone() -> None:
    statements = json.loads((FOLDER / "release.json").read_text())["Statement"]
    found = [each["Resource"] for each in statements if "elasticloadbalancing:ModifyTargetGroupAttributes" in each["Action"]]
    assert found == [["arn:aws:elasticloadbalancing:eu-west-3:123456789012:targetgroup/awseb-*/*"]]


def test_nobody_may_change_who_may_what() -> None:
    assert [action for policy in POLICIES for action in allowed(policy) if action.split(":")[0] in ("iam", "organizations", "kms")] == []


# -- Terraform's roles: what can be said of them without Terraform


def terraform() -> str:
    """Without its comments."""
    return "\n".join(line.partition("#")[0] for line in (FOLDER / "roles.tf").read_text().splitlines())


def test_terraform_makes_of_each_policy_what_its_file_says() -> None:
    """Each is the file beside it, word for word, so that no second list of permissions can go another way."""
    text = terraform()
    policy = re.search(r'resource "aws_iam_policy" "console" \{(.*?)\n\}', text, re.S)
    assert policy
    assert "for_each = toset([" + ", ".join(f'"{each}"' for each in POLICIES) + "])" in policy[1]
    assert re.search(r'policy\s*= file\("\$\{path.module\}/\$\{each.key\}.json"\)', policy[1])
    assert re.findall(r"^\s*actions\s*=\s*(.*)$", text, re.M) == ['["sts:AssumeRole"]']  # nothing else is allowed by hand
    assert {each.stem for each in FOLDER.glob("*.json")} == set(POLICIES)


def test_terraform_attaches_reading_alone_unless_it_is_told() -> None:
    text = terraform()
    assert re.search(r'variable "may_change" \{[^}]*default\s*= false', text)
    chosen = re.search(r"attached = var\.may_change \? toset\((\[.*?\])\) : toset\((\[.*?\])\)", text)
    assert chosen
    assert (json.loads(chosen[1]), json.loads(chosen[2])) == (list(POLICIES), ["read"])


def test_every_name_that_terraform_refers_to_is_there() -> None:
    text = terraform()
    assert text.count("{") == text.count("}")
    there = {f"{kind}.{name}" for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', text, re.M)}
    there |= {f"data.{kind}.{name}" for kind, name in re.findall(r'^data "(\w+)" "(\w+)"', text, re.M)}
    there |= {f"var.{name}" for name in re.findall(r'^variable "(\w+)"', text, re.M)}
    there |= {
        f"local.{name}" for name in re.findall(r"^  (\w+) = ", (re.search(r"^locals \{(.*?)^\}", text, re.S | re.M) or [""])[0], re.M)
    }
    used = re.findall(r"\b(data\.\w+\.\w+|var\.\w+|local\.\w+|(?<!data\.)aws_\w+\.\w+)", text)
    assert used
    assert set(used) <= there
