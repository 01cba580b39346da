"""A renewed archive is, byte for byte, the one that packing anew makes: on random trees, random changes, random overlays."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.bundle import Bundle, Edits, Redirect, Sources, build
from remote.git import Mirror
from tests.deployments.repositories import Content, Repository

# Files and folders have different names, so that two trees can always be laid over one another.
folders = st.sampled_from(["", "a/", "a/b/", "a-b/", "pub/", "é/"])
files = st.sampled_from([".user.ini", ".htaccess", "f", "f1", "f-1", "g.php", "key.pem", "auth.json", "Z"])
paths = st.builds(str.__add__, folders, files)
bodies = st.one_of(st.binary(max_size=40), st.integers(0, 30).map(lambda n: b"memory_limit = %d\n" % n * 40), st.just(b""))
contents: st.SearchStrategy[Content] = st.one_of(
    bodies,
    st.tuples(st.just("100755"), bodies),
    st.tuples(st.just("120000"), st.sampled_from([b"f", b"a/f", b"nowhere"])),
)


def plain_where_edited(tree: dict[str, Content]) -> dict[str, Content]:
    """A link cannot be edited, and a build says so; here it would only hide the rest."""
    return {
        path: content if isinstance(content, bytes) or not path.endswith((".user.ini", ".htaccess")) else content[1]
        for path, content in tree.items()
    }


trees = st.dictionaries(paths, contents, max_size=12).map(plain_where_edited)
edits = st.sampled_from([Edits(), Edits((("memory_limit", "2G"),)), Edits((("memory_limit", "4G"),), (Redirect("/a", "/b"),))])
versions = st.lists(st.tuples(trees, trees, edits), min_size=2, max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(versions)
def test_renewing_equals_packing_anew(history: list[tuple[dict[str, Content], dict[str, Content], Edits]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        origins = Repository(here / "magento"), Repository(here / "config")
        mirrors = [Mirror(here / f"{one.path.name}.git", str(one.path), allow_file=True) for one in origins]
        for at, (magento, config, edit) in enumerate(history):
            commits = origins[0].commit(magento, subject=f"{at}"), origins[1].commit(config, subject=f"{at}")
            for mirror in mirrors:
                mirror.fetch(["master"])
            sources = Sources(mirrors[0], commits[0], mirrors[1], commits[1], edit)
            renewed, anew = build(sources, here / "store"), build(sources, here / f"anew{at}")
            assert (renewed.renewed, anew.renewed) == (at > 0, False)
            same(renewed, anew)


def same(one: Bundle, other: Bundle) -> None:
    assert one.path.read_bytes() == other.path.read_bytes()
    assert (one.sha256, one.size, one.files, one.key, one.manifest) == (other.sha256, other.size, other.files, other.key, other.manifest)
