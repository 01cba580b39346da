"""What the answers of Magento's two status commands mean (magento.md 1.3). Pure.

An exit code alone is not believed, and neither are words: both have to say the same, or there is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

Decision = Literal["roll", "window", "undecided"]
DB, CONFIG = "setup:db:status", "app:config:status"
_FINE = {DB: "All modules are up to date.", CONFIG: "Config files are up to date."}
_NEEDED = {DB: "Run 'setup:upgrade' to update your DB schema and data.", CONFIG: "Config files have changed."}
NEEDED_RC = 2


@dataclass(frozen=True, slots=True)
class Answer:
    command: str
    rc: int | None
    text: str

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(str(raw.get("command", "")), raw.get("rc"), str(raw.get("text", "")))

    @property
    def means(self) -> Decision:
        if self.rc == 0 and _FINE.get(self.command, "\0") in self.text:
            return "roll"
        if self.rc == NEEDED_RC and _NEEDED.get(self.command, "\0") in self.text:
            return "window"
        return "undecided"


def decide(answers: Sequence[Answer]) -> Decision:
    """Anything that needs a migration needs the window; nothing is needed only where every answer says so."""
    means = {answer.means for answer in answers}
    if "window" in means:
        return "window"
    return "roll" if means == {"roll"} else "undecided"
