"""Git repositories, read through a bare mirror: the only place where git runs.

No work tree is ever made, so no filter, hook or symlink of a repository acts on this machine.
"""

from __future__ import annotations

from remote.git.mirror import Mirror
from remote.git.names import check_branch, check_commit, check_path
from remote.git.records import Change, Commit, Entry

__all__ = ["Change", "Commit", "Entry", "Mirror", "check_branch", "check_commit", "check_path"]
