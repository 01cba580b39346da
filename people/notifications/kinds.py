"""What people can be told of. A person or a team chooses among these."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "alarm": "An alarm changes its state",
    "release": "A release ends, fails or waits for somebody",
    "deadline": "Something ends soon: a certificate, a disk, a quota",
    "maintenance": "Maintenance mode or the curtain was left on",
    "drift": "The estate differs from what it should be",
    "access": "Access was given, or ends",
    "approval": "Somebody asks for an approval",
}
