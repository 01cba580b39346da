"""Who holds a lock of a file, as the kernel says: SQLite's writers have one."""

from __future__ import annotations


def is_writing(pid: int) -> bool:
    """Whether a thread of this process (the beat, a host beside) is in the middle of a write of SQLite's."""
    with open("/proc/locks") as locks:
        return any(words[1] == "POSIX" and words[3] == "WRITE" and words[4] == str(pid) for words in map(str.split, locks))
