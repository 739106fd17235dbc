"""Manifests: what is written is read, what cannot be is named entry by entry, and nothing in one is followed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest
from artifact_strategies import DIGESTS, START, manifests
from hypothesis import given

from gtrack.clock import iso
from gtrack.format import yaml
from gtrack.format.manifest import Line, build_manifests, captured, parse_manifest
from gtrack.format.names import Segment
from gtrack.model.artifact import Artifact, Manifest

SEGMENT = Segment("9c1d7b6e", "0a1b2c3d", 0, 10)


def lines_of(manifest: Manifest) -> list[Line]:
    found = [(path, artifact.time, artifact) for path, artifact in manifest.files.items()]
    gone = [(path, time, None) for path, time in manifest.removed.items()]
    return [Line(number, *line) for number, line in enumerate([*found, *gone])]


@given(manifests())
def test_what_is_written_is_read(manifest: Manifest) -> None:
    lines = lines_of(manifest)
    built = build_manifests(Segment("9c1d7b6e", "0a1b2c3d", 0, len(lines)), lines)
    read = [parse_manifest(data) for data in built.values()]
    assert [problems for _, problems in read] == [()] * len(built)
    assert all(found.session == "9c1d7b6e" for found, _ in read)
    files = {path: artifact for found, _ in read for path, artifact in found.files.items()}
    assert files == manifest.files
    assert {path: time for found, _ in read for path, time in found.removed.items()} == manifest.removed


def test_manifests_of_many_artifacts_are_below_900_kb_and_their_ranges_follow_one_another() -> None:
    count = 8000
    lines = [
        Line(n, f"media/{n}.png", START, Artifact(f"media/{n}.png", 9, hashlib.sha256(b"%d" % n).hexdigest(),
             "image/png", START, {"kind": "image", "key": "samples", "step": n, "caption": "x" * 40}))
        for n in range(count)
    ]  # fmt: skip
    built = build_manifests(Segment("9c1d7b6e", "0a1b2c3d", 5, count), [Line(n.number + 5, *_rest(n)) for n in lines])
    assert 2 < len(built) < 10
    assert all(len(data) < 900_000 for data in built.values())
    at = 5
    for segment in built:
        assert segment.first == at
        at = segment.end
    assert at == 5 + count
    assert sum(len(parse_manifest(data)[0].files) for data in built.values()) == count


def _rest(line: Line) -> tuple[str, int, Artifact | None]:
    return line.path, line.time, line.artifact


SOUND: Mapping[str, object] = {
    "size": 5,
    "sha256": DIGESTS[0],
    "type": "image/png",
    "time": "2026-11-21T14:25:30.123456Z",
}
PACKED = {**SOUND, "pack": DIGESTS[1], "offset": 90}
HOSTILE = [
    ("../x", SOUND, "a part of it is .."),
    ("/abs", SOUND, "absolute"),
    (".git/hooks/post-commit", SOUND, ".git"),
    ("a\\b", SOUND, "backslash"),
    ("c:/x", SOUND, "colon"),
    ("a\0b", SOUND, "control"),
    ("nul", SOUND, "device"),
    ("a", {**SOUND, "size": -1}, "size"),
    ("a", {**SOUND, "size": 1.5}, "size"),
    ("a", {**SOUND, "size": True}, "size"),
    ("a", {**SOUND, "size": 1 << 70}, "size"),
    ("a", {**SOUND, "sha256": "../../etc/passwd"}, "digest"),
    ("a", {**SOUND, "sha256": DIGESTS[0].upper()}, "digest"),
    ("a", {**SOUND, "sha256": None}, "digest"),
    ("a", {**SOUND, "type": "text/html\x1b[2J"}, "type"),
    ("a", {**SOUND, "type": ["image/png"]}, "type"),
    ("a", {**SOUND, "time": "yesterday"}, "time"),
    ("a", {**SOUND, "time": None}, "time"),
    ("a", {**SOUND, "media": "image"}, "media"),
    ("a", {**SOUND, "blob": "--upload-pack=x"}, "blob"),
    ("a", {**SOUND, "blob": "HEAD"}, "blob"),
    ("a", {**PACKED, "pack": DIGESTS[2]}, "pack is not among"),
    ("a", {**PACKED, "pack": None}, "pack is not among"),
    ("a", {**PACKED, "offset": 96}, "beyond the end"),
    ("a", {**PACKED, "offset": -1}, "offset"),
    ("a", {**PACKED, "offset": "0"}, "offset"),
    ("a", {**PACKED, "pack": DIGESTS[3]}, "at most"),
    ("a", "text", "no map"),
    ("a", {"removed": True}, "time"),
]


@pytest.mark.parametrize(("path", "entry", "reason"), HOSTILE)
def test_an_entry_that_cannot_be_is_named_and_the_others_are_read(path: str, entry: object, reason: str) -> None:
    packs = {DIGESTS[1]: {"size": 100}, DIGESTS[3]: {"size": 1 << 40}}
    data = yaml.dump({"format": 1, "session": "9c1d7b6e", "files": {"good": SOUND, path: entry}, "packs": packs})
    manifest, problems = parse_manifest(data)
    assert list(manifest.files) == ["good"]
    assert not manifest.removed
    (problem,) = problems
    assert reason in problem
    assert problem.isprintable()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"format: 2\nfiles: {}\n", "newer gtrack"),
        (b"files: {}\n", "no format"),
        (b"format: 1\nfiles: []\n", "no map"),
        (b'format: 1\nfiles: {}\npacks: "x"\n', "no map"),
        (b"format: 1\nfiles: &a {b: *a}\n", "anchor"),
        (b"\xff\xfe", "UTF-8"),
        (b"x" * (2 << 20), "at most"),
        (b"format: 1\nfiles: " + b"{a: " * 5000, "nest"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_why_and_names_nothing(data: bytes, reason: str) -> None:
    manifest, problems = parse_manifest(data)
    assert (manifest.files, manifest.removed) == ({}, {})
    assert reason in " ".join(problems)


def test_of_very_many_bad_entries_a_few_are_named_and_the_rest_counted() -> None:
    data = yaml.dump({"format": 1, "files": {f"../{n}": SOUND for n in range(4000)}})
    _, problems = parse_manifest(data)
    assert len(problems) == 21
    assert problems[-1] == "3,980 more entries are left out"


@pytest.mark.parametrize(
    "change",
    [{"path": "../x"}, {"path": 7}, {"at": "now"}, {"at": 1 << 61}, {"size": None}, {"sha256": "x"}, {"offset": -1},
     {"type": "x"}, {"media": []}],
)  # fmt: skip
def test_a_ledger_line_is_trusted_no_more_than_a_manifest(change: dict[str, object]) -> None:
    line = {"at": START, "kind": "artifact", "path": "a", "size": 5, "sha256": DIGESTS[0], "type": "image/png"}
    assert isinstance(captured(line, 0), Line)
    assert isinstance(captured({**line, **change}, 0), str)


def test_a_removal_is_written_and_read() -> None:
    (data,) = build_manifests(SEGMENT, [Line(9, "a", START, None)]).values()
    assert data.decode().endswith(f'files:\n  "a": {{"removed": true, "time": "{iso(START)}"}}\n')
    assert parse_manifest(data)[0].removed == {"a": START}
