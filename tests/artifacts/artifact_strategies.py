"""Artifacts, manifests and paths for property tests."""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

from gtrack.format.artifact_path import canonical
from gtrack.model.artifact import Artifact, Manifest

START = 1_795_000_000_000_000
DIGESTS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(4)]

nasty = st.sampled_from(
    ["..", ".", "", ".git", ".GIT ", "git~1", "con", "NUL.txt", "a:b", "a\\b", "a\0b", "x.", "é" * 200, "\udc80",
     ".g\u200cit", "\u202e", "long" * 90, "com¹"]
)  # fmt: skip
names = st.one_of(nasty, st.text(max_size=12), st.text("abc./\\: ~", max_size=20))
anything = st.lists(names, max_size=20).map("/".join)
paths = st.one_of(st.sampled_from(["a", "b/c", "b/d.png"]), anything.map(canonical))
media = st.dictionaries(
    st.sampled_from(["kind", "key", "step", "caption", "$float"]),
    st.one_of(st.integers(-5, 5), st.text(max_size=8), st.none(), st.floats(allow_nan=False)),
    max_size=3,
)


@st.composite
def artifacts(draw: st.DrawFn) -> Artifact:
    """An artifact with a content of its own, or a part of a pack."""
    size = draw(st.integers(0, 1000))
    packed = draw(st.booleans())
    offset = draw(st.integers(0, 1000)) if packed else 0
    return Artifact(
        path=draw(paths),
        size=size,
        digest=draw(st.sampled_from(DIGESTS)),
        type=draw(st.sampled_from(["image/png", "application/octet-stream"])),
        time=START + draw(st.integers(0, 3)),
        media=draw(media),
        pack=draw(st.sampled_from(["a" * 64, "b" * 64])) if packed else None,
        offset=offset,
        object_size=4000 if packed else size,
        blob="c" * 40 if packed else draw(st.sampled_from([None, "d" * 40, "e" * 64])),
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """A manifest of a few artifacts and removals, of different paths."""
    found = {artifact.path: artifact for artifact in draw(st.lists(artifacts(), max_size=5))}
    removed = draw(st.dictionaries(paths, st.integers(START, START + 3), max_size=2))
    return Manifest(found, {path: time for path, time in removed.items() if path not in found})
