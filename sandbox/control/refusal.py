"""Why an action of the control page was not done."""

from __future__ import annotations


class Refused(Exception):
    """The text says why."""
