"""Every call of AWS that the code of `remote.aws` can make, read from the code itself, as the IAM action that allows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "remote" / "aws"
_ASKS, _TELLS = {"ask", "ask_all"}, {"tell"}
_PREFIX = {"elbv2": "elasticloadbalancing"}
# Where the action is not called as the operation is (AWS's service authorization reference).
_NAMES = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:HeadObject": "s3:GetObject",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
}
# Calls whose service or operation is told by a caller, or that boto3 makes by itself: by the module, what they come to.
_TOLD = {
    "delivery": ("acm:ListCertificates", "acm:DescribeCertificate"),
    "buckets": ("s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicyStatus"),
    "session": (),
}
_UPLOADS = {"storage": ("s3:PutObject",)}


@dataclass(frozen=True, order=True)
class Call:
    """`writes` where it is told and not asked."""

    action: str
    writes: bool
    module: str


def calls() -> set[Call]:
    found = {call for file in sorted(FOLDER.glob("*.py")) for call in _of(file)}
    found |= {Call(action, False, module) for module, actions in _TOLD.items() for action in actions}
    return found | {Call(action, True, module) for module, actions in _UPLOADS.items() for action in actions}


def _of(file: Path) -> Iterator[Call]:
    tree = ast.parse(file.read_text())
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) < 2:
            continue
        if node.func.id not in _ASKS | _TELLS:
            continue
        service, operation = (_text(argument, constants) for argument in node.args[:2])
        if service and operation:
            yield Call(_action(service.partition("@")[0], operation), node.func.id in _TELLS, file.stem)
        else:
            assert file.stem in _TOLD, f"{file.name}:{node.lineno}: name the action that this call comes to in _TOLD"


def _text(node: ast.expr, constants: dict[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return constants.get(node.id, "") if isinstance(node, ast.Name) else ""


def _action(service: str, operation: str) -> str:
    words = "".join(word.capitalize() for word in operation.split("_"))
    words = words.replace("Db", "DB")
    named = f"{_PREFIX.get(service, service)}:{words}"
    return _NAMES.get(named, named)
