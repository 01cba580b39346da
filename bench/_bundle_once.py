"""One build in a process of its own: fetch both repositories, build, print the outcome. Run by `bench.bundle`, which reads it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from threading import Thread

from deployments.bundle import Edits, Redirect, Sources, build
from remote.git import Mirror

EDITS = Edits((("memory_limit", "2G"), ("max_execution_time", "18000")), (Redirect("/ancien", "/nouveau"),))


def mirrors(folder: Path, magento: str, config: str) -> tuple[Mirror, Mirror]:
    return Mirror(folder / "magento.git", magento, allow_file=True), Mirror(folder / "config.git", config, allow_file=True)


def fetch_and_build(magento: Mirror, config: Mirror, store: Path, directory: str = "") -> dict[str, object]:
    """As a release does it: both fetches at once, then the build of what was found."""
    other = Thread(target=config.fetch, args=(["master"],))
    other.start()
    magento.fetch(["master"])
    other.join()
    commits = magento.resolve("master"), config.resolve("master")
    edits = Edits() if directory else EDITS  # the smaller applications are packed as they are
    bundle = build(Sources(magento, commits[0], config, commits[1], edits, config_prefix=directory), store)
    return {"size": bundle.size, "files": bundle.files, "sha256": bundle.sha256, "renewed": bundle.renewed, "clean": bundle.manifest.clean}


if __name__ == "__main__":
    folder, store, magento_url, config_url, directory = sys.argv[1:]
    sys.stdout.write(json.dumps(fetch_and_build(*mirrors(Path(folder), magento_url, config_url), Path(store), directory)) + "\n")
