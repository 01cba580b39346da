"""Terraform's state: what is kept of it, and that nothing secret is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from estate import terraform
from estate.terraform import BadState
from tests.estate.states import resource, state, with_secrets

WHERE = "s3://states/client.tfstate"


def test_what_is_known_is_kept_with_its_address() -> None:
    found = terraform.read(state(resource("aws_instance", "nfs", {"id": "i-1", "ami": "ami-1", "user_data": "x"})), where=WHERE)
    assert found[0].facts == {"serial": 7, "lineage": "a-b", "terraform": "1.5.7", "resources": 1}
    assert found[1].name == "aws_instance.nfs"
    assert found[1].facts["id"] == "i-1"
    assert "user_data" not in found[1].facts
    assert len(found[1].facts["user_data_sha256"]) == 64


def test_two_states_may_have_the_same_address() -> None:
    content = state(resource("aws_vpc", "main", {"id": "vpc-1"}))
    found = [terraform.read(content, where=where)[1] for where in ("s3://states/one.tfstate", "s3://states/two.tfstate")]
    assert len({each.id for each in found}) == 2
    assert {each.was for each in found} == {"aws_vpc.main"}, "as the rows of before are called"


def test_modules_indexes_data_deposed_and_tainted() -> None:
    many = {
        "mode": "managed",
        "type": "aws_subnet",
        "name": "private",
        "module": "module.vpc",
        "instances": [
            {"index_key": 0, "attributes": {"id": "subnet-0"}},
            {"index_key": "b", "attributes": {"id": "subnet-b"}, "status": "tainted"},
            {"deposed": "00000001", "attributes": {"id": "gone"}},
        ],
    }
    data = {"mode": "data", "type": "aws_ami", "name": "base", "instances": [{"attributes": {"id": "ami"}}]}
    found = terraform.read(state(many, data), where=WHERE)[1:]
    assert [each.name for each in found] == ["module.vpc.aws_subnet.private[0]", "module.vpc.aws_subnet.private[b]"]
    assert found[1].facts["tainted"] is True


def test_no_secret_leaves_the_state() -> None:
    hidden, resources, content = with_secrets()
    found = terraform.read(content, where=WHERE)
    assert len(found) == resources + 1
    told = json.dumps([[each.id, each.name, dict(each.facts)] for each in found])
    assert [secret for secret in hidden if secret in told] == []


def test_a_secret_is_not_in_the_words_about_a_bad_state() -> None:
    with pytest.raises(BadState) as bad:
        terraform.read(b'{"version": 4, "resources": [{"password": "hunter2-hunter2"', where=WHERE)
    assert "hunter2" not in str(bad.value)
    assert bad.value.__cause__ is None


@pytest.mark.parametrize(
    "content, words",
    [
        (b'{"version": 3, "modules": []}', "version 3"),
        (b'{"version": 4, "resources": [', "truncated"),
        (b"", "truncated"),
        (b"[]", "no Terraform state"),
        (b'{"version": "4"}', "no Terraform state"),
        (b'{"version": 4, "resources": {"a": 1}}', "no whole state"),
        (b'{"version": 4, "serial": "x"}', "no whole state"),
        (b"[" * 100_000, "truncated"),
        (b"\xff\xfe", "truncated"),
    ],
)
def test_a_bad_state_is_named(content: bytes, words: str) -> None:
    with pytest.raises(BadState, match=words) as bad:
        terraform.read(content, where=WHERE)
    assert WHERE in str(bad.value)


def test_a_state_beyond_all_measure_is_refused_unread() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 200 * 1024 * 1024

    with pytest.raises(BadState, match="209715200 bytes"):
        terraform.read(Huge(b"{}"), where=WHERE)


def test_a_hostile_state_is_read_without_harm() -> None:
    odd: list[Any] = [
        None,
        1,
        "x",
        {"mode": "managed"},
        {"mode": "managed", "type": "aws_vpc", "name": "n", "instances": [None, {"attributes": 3}]},
    ]
    long = resource("aws_vpc", "x" * 5000, {"id": "y" * 5000})
    found = terraform.read(state(*odd, long), where=WHERE)
    assert all(len(each.name) < 700 and len(str(each.facts.get("id", ""))) <= 300 for each in found)
