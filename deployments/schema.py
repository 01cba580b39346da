"""Does the database that is there fit the code of a release? Told by what the hosts said of their own code (`deployments.standing`), and by
what lies in the repository between that code and the release's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deployments import sources
from deployments.live import live_commit
from deployments.models import Standing
from estate.definition import Target
from remote.errors import RemoteError
from remote.git.mirror import Mirror

SHOWN_FILES = 8
_WORDS = {
    Standing.Schema.FITS: "the database fits it",
    Standing.Schema.DIFFERS: "the database does not fit it",
    Standing.Schema.UNKNOWN: "cannot say whether the database fits it",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state`: ok, bad or unknown, as of a gate."""

    state: str
    said: str
    told: tuple[str, ...] = ()  # what each host said
    changed: tuple[str, ...] = ()  # which files have moved the schema

    @property
    def evidence(self) -> tuple[str, ...]:
        return self.told + self.changed


def verdict(target: Target, commit: str, label: str, standings: Sequence[Standing]) -> Verdict:
    """May this code run on the database that is there? From what the hosts said, and the mirror; asks nobody."""
    told = tuple(_line(each) for each in standings)
    of_itself = [each for each in standings if each.version == label and each.schema != Standing.Schema.UNKNOWN]
    for each in of_itself:
        if each.schema == Standing.Schema.DIFFERS:
            return Verdict("bad", f"the schema has moved: {each.host} runs {label}, and says that the database does not fit it", told)
    if of_itself:
        return Verdict("ok", f"{of_itself[0].host} runs {label}, and says that the database fits it", told)
    fits = next((each for each in standings if each.schema == Standing.Schema.FITS), None)
    if fits is None:
        if any(each.schema == Standing.Schema.DIFFERS for each in standings):
            return Verdict("bad", "the schema has moved: the database fits no code that runs here", told)
        return Verdict("unknown", "no host could say whether the database fits its code", told)
    return _between(target, fits, commit, label, told)


def _between(target: Target, fits: Standing, commit: str, label: str, told: tuple[str, ...]) -> Verdict:
    """The database is that of `fits`' code: what lies between it and the commit?"""
    code = sources.mirror(target.code.repository)
    try:
        live = _commit_of(target, fits.version, code)
        if not commit or not live or not code.has(live) or not code.has(commit):
            return Verdict("unknown", f"the repository does not have the commits of {fits.version} and {label}", told)
        if code.is_ancestor(live, commit):
            return Verdict("ok", f"the database is that of {fits.version}, and {label} comes after it", told)
        changed = [path for path in code.changed_files(live, commit) if sources.touches_database(path) or path.endswith("etc/module.xml")]
    except RemoteError as error:
        return Verdict("unknown", error.told, told)
    if changed:
        shown = [*changed[:SHOWN_FILES], *([f"and {len(changed) - SHOWN_FILES} more"] if len(changed) > SHOWN_FILES else [])]
        said = f"the schema has moved: the database is that of {fits.version}, as {fits.host} says, and {label} was made for another one"
        return Verdict("bad", said, told, tuple(f"changed since {label}: {path}" for path in shown))
    return Verdict("ok", f"the database is that of {fits.version}, as {fits.host} says, and nothing since {label} has changed it", told)


def _commit_of(target: Target, label: str, code: Mirror) -> str:
    try:
        head = code.resolve(target.code.branches[0])
    except RemoteError:
        return ""
    return live_commit(target, label, code, head)


def _line(each: Standing) -> str:
    said = [line.strip() for line in each.schema_said.splitlines() if line.strip()]
    first = next(
        (line for line in reversed(said) if line.startswith("[")), said[0] if said else each.problem
    )  # Doctrine's verdict is its last
    return f"{each.host} on {each.version or 'unknown'}: {_WORDS[Standing.Schema(each.schema)]}" + (f" (“{first[:120]}”)" if first else "")
