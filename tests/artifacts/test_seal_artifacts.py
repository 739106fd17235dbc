"""Sealing artifacts: the same spool gives the same bytes, each range once, and objects are kept before the commit."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from artifact_world import (
    RUN,
    SESSION,
    START,
    add,
    branch_files,
    contents,
    end,
    files_of,
    open_run,
    open_worker,
    spooled,
)

import gtrack
from gtrack.branch.objects import BLOB
from gtrack.format.manifest import PACK_BYTES, parse_manifest
from gtrack.model.artifact import Artifact
from gtrack.ops.artifacts import artifacts_of, local_file, read_artifact
from gtrack.ops.fsck import check
from gtrack.ops.ingest import ingest
from gtrack.ops.keep_objects import cache_of, keep_ahead, outbox_of
from gtrack.ops.live import LiveRun
from gtrack.ops.load import RunFiles
from gtrack.ops.seal import seal
from gtrack.ops.sealing import seal_spools
from gtrack.ops.trees import visible_trees

BIG = b"b" * 100_000


@pytest.fixture
def opened(repo: Path):
    with gtrack.Repo(str(repo)) as made:
        yield made


def home(repo: gtrack.Repo) -> Path:
    return Path(repo.repository.paths.home)


def manifests(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path.rpartition("/")[2]: data for path, data in files.items() if "/artifacts-" in path}


def test_sealing_a_spool_twice_gives_the_same_bytes_and_a_recorded_range_no_more(tmp_path: Path) -> None:
    writer = open_run(tmp_path)
    for n in range(40):
        add(writer, f"s/{n}.txt", b"%d" % n * 1000)
    add(writer, "big", BIG)
    writer.artifacts.remove("s/1.txt")
    end(writer)
    first, second = (seal(spooled(tmp_path), RunFiles(RUN)) for _ in range(2))
    assert first.files == second.files
    assert first.objects == second.objects
    name = f"artifacts-{SESSION}-{writer.id}-0-42.yaml"
    assert list(manifests(first.files)) == [name]
    known = RunFiles(RUN, {_file(name): "a" * 40}, tuple(first.documents))
    assert manifests(seal(spooled(tmp_path), known).files) == {}


def _file(name: str):
    from gtrack.format.names import parse_run_file

    found = parse_run_file(name)
    assert found is not None
    return found


def test_packs_are_at_most_1_mib_and_hold_each_content_once(tmp_path: Path) -> None:
    writer = open_run(tmp_path)
    data = [os.urandom(50_000) for _ in range(30)]
    for n, content in enumerate([*data, *data]):
        add(writer, f"{n}.bin", content)
    end(writer)
    sealed = seal(spooled(tmp_path), RunFiles(RUN))
    sizes = [found.size for found in sealed.objects.values()]
    assert max(sizes) <= PACK_BYTES
    assert sum(sizes) == 1_500_000
    (text,) = manifests(sealed.files).values()
    manifest, problems = parse_manifest(text)
    assert problems == ()
    assert len(manifest.files) == 60
    assert {a.pack for a in manifest.files.values()} == set(sealed.objects)
    places = {(a.pack, a.offset): a.digest for a in manifest.files.values()}
    assert len(places) == 30


def test_what_is_alone_in_its_range_is_an_object_of_its_own(tmp_path: Path) -> None:
    writer = open_run(tmp_path)
    digest = add(writer, "a.txt", b"alone")
    end(writer)
    sealed = seal(spooled(tmp_path), RunFiles(RUN))
    assert list(sealed.objects) == [digest]
    (text,) = manifests(sealed.files).values()
    artifact = parse_manifest(text)[0].files["a.txt"]
    assert (artifact.pack, artifact.object, artifact.blob) == (None, digest, sealed.objects[digest].blob)


def test_objects_and_marks_are_there_when_the_commit_is_and_files_are_not_copied(
    opened: gtrack.Repo, tmp_path: Path
) -> None:
    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    digest = add(writer, "big", BIG)
    inode = Path(f"{writer.stem}.files/{digest}").stat().st_ino
    end(writer)
    with opened.repository.lock():
        done = seal_spools(opened.repository, [spooled(spool)])
    assert done.failed == []
    cache = cache_of(opened.repository)
    assert Path(cache.path(digest)).stat().st_ino == inode
    assert [waiting.runs for waiting in outbox_of(opened.repository).entries()] == [(RUN,)]
    assert not any(RUN in path for path in files_of(spool) if not path.startswith(".sealed"))
    assert contents(Path(opened.root)) == {"big": BIG}


def test_a_live_run_is_sealed_range_by_range(opened: gtrack.Repo) -> None:
    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    live = LiveRun(spooled(spool))
    with opened.repository.lock():
        for n in range(3):
            add(writer, f"{n}.txt", b"%d" % n)
            add(writer, "latest.bin", bytes([n]) * 100_000)
            assert live.commit(opened.repository) is not None
        assert live.commit(opened.repository) is None
    writer.artifacts.remove("0.txt")
    found = artifacts_of(opened.repository, visible_trees(opened.repository), RUN, [spooled(spool)])
    assert list(found) == ["1.txt", "2.txt", "latest.bin"]
    assert {artifact.spooled for artifact in found.values()} == {None}  # what is recorded is read from the cache
    end(writer)
    assert contents(Path(opened.root)) == {"1.txt": b"1", "2.txt": b"2", "latest.bin": b"\2" * 100_000}
    names = sorted(manifests(branch_files(opened)))
    assert names == [f"artifacts-{SESSION}-{writer.id}-{at}.yaml" for at in ("0-2", "2-2", "4-2", "6-1")]


def test_content_that_gives_way_while_it_is_sealed_is_not_missed(
    opened: gtrack.Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    add(writer, "latest.bin", BIG)
    from gtrack.ops import keep_objects as keeping

    real, moments = keeping.seal, iter(["between", None])

    def seal_then_lose(*args: object, **kwargs: object):
        sealed = real(*args, **kwargs)  # type: ignore[arg-type]
        if next(moments, None):
            add(writer, "latest.bin", b"c" * 100_000)
        return sealed

    monkeypatch.setattr(keeping, "seal", seal_then_lose)
    with opened.repository.lock():
        assert LiveRun(spooled(spool)).commit(opened.repository) is not None
    assert contents(Path(opened.root)) == {"latest.bin": b"c" * 100_000}
    writer.close()


def test_a_ledger_that_was_read_before_content_gave_way_is_read_again(tmp_path: Path) -> None:
    from gtrack.ops.seal_artifacts import seal_artifacts

    writer = open_run(tmp_path)
    add(writer, "a", BIG)
    (part,) = spooled(tmp_path).writers()
    before = part.entries()
    add(writer, "a", b"new")
    done = seal_artifacts(part, before, 0)
    assert done.lost == []
    assert list(done.files) == [f"artifacts-{SESSION}-{writer.id}-0-2.yaml"]
    writer.close()


def test_lost_content_is_told_and_keeps_nothing_else_back(opened: gtrack.Repo) -> None:
    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    digest = add(writer, "lost.bin", BIG)
    add(writer, "flipped.txt", b"flipped")
    add(writer, "kept.txt", b"kept")
    end(writer)
    Path(f"{writer.stem}.files/{digest}").unlink()
    with Path(writer.stem + ".pack").open("r+b") as pack:
        pack.write(b"F")
    with opened.repository.lock():
        done = seal_spools(opened.repository, [spooled(spool)])
    assert [reason for _, reason in done.lost] == ["the content of lost.bin, flipped.txt is not as it was captured"]
    run = opened.run(RUN)
    assert set(run.artifacts()) == {"flipped.txt", "kept.txt", "lost.bin"}
    assert run.read_artifact("kept.txt") == b"kept"


def test_workers_are_sealed_with_their_owner_and_each_has_manifests_of_its_own(opened: gtrack.Repo) -> None:
    spool = Path(opened.repository.paths.spool)
    owner = open_run(spool)
    worker = open_worker(spool)
    add(owner, "a.txt", b"owner")
    add(worker, "b.txt", b"worker")
    worker.close()
    end(owner)
    assert contents(Path(opened.root)) == {"a.txt": b"owner", "b.txt": b"worker"}
    assert len(manifests(branch_files(opened))) == 2


def test_an_artifact_becomes_a_file_that_was_checked(opened: gtrack.Repo) -> None:
    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    for path, data in (("a.txt", b"a"), ("b.txt", b"b"), ("big", BIG)):
        add(writer, path, data)

    def look() -> None:
        with gtrack.Repo(opened.root) as repo:
            for path, data in (("a.txt", b"a"), ("big", BIG)):
                artifact = repo.run(RUN).artifact(path)
                assert Path(local_file(repo.repository, artifact)).read_bytes() == data
                assert read_artifact(repo.repository, artifact) == data

    look()
    end(writer)
    look()


def test_a_damaged_copy_in_the_cache_is_fetched_anew_when_a_file_of_it_is_wanted(opened: gtrack.Repo) -> None:
    cache, objects = cache_of(opened.repository), opened.repository.objects
    digest = cache.add_bytes(BIG)
    path = Path(cache.path(digest))
    path.chmod(0o644)
    path.write_bytes(b"X" + BIG[1:])
    artifact = Artifact("a", len(BIG), digest, "text/plain", START, blob=objects.write(BLOB, BIG))
    assert Path(local_file(opened.repository, artifact)).read_bytes() == BIG
    cache.remove(digest)
    with pytest.raises(gtrack.errors.NotFoundError, match="neither here nor"):
        local_file(opened.repository, replace(artifact, blob=None))


def test_a_link_in_the_place_of_a_captured_file_is_not_followed(opened: gtrack.Repo, tmp_path: Path) -> None:
    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    digest = add(writer, "a", BIG)
    (tmp_path / "same").write_bytes(BIG)
    file = Path(f"{writer.stem}.files/{digest}")
    file.unlink()
    file.symlink_to(tmp_path / "same")
    (found,) = artifacts_of(opened.repository, [], RUN, [spooled(spool)]).values()
    with pytest.raises(OSError, match="symbolic"):
        read_artifact(opened.repository, found)
    end(writer)
    assert seal(spooled(spool), RunFiles(RUN)).lost == ["a"]


def test_a_manifest_that_lies_about_its_object_is_found_out(opened: gtrack.Repo) -> None:
    cache = cache_of(opened.repository)
    pack = cache.add_bytes(b"0123456789")
    inner = hashlib.sha256(b"234").hexdigest()
    true = Artifact("a", 3, inner, "text/plain", START, {}, pack, 2, 10)
    assert read_artifact(opened.repository, true) == b"234"
    for lie in (
        Artifact("a", 3, inner, "text/plain", START, {}, pack, 3, 10),
        Artifact("a", 3, pack, "text/plain", START, {}, pack, 2, 10),
        Artifact("a", 4, inner, "text/plain", START, {}, pack, 2, 10),
        Artifact("a", 9, pack, "text/plain", START),
    ):
        with pytest.raises(gtrack.errors.DamageError, match="its manifest says"):
            read_artifact(opened.repository, lie)


def test_large_files_are_in_the_cache_before_the_lock_is_taken(opened: gtrack.Repo) -> None:
    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    first = add(writer, "latest", BIG)
    second = add(writer, "latest", b"c" * 100_000)
    keep_ahead(opened.repository, [spooled(spool)])
    cache = cache_of(opened.repository)
    assert list(cache.digests()) == []  # it still runs
    end(writer)
    keep_ahead(opened.repository, [spooled(spool)])
    assert list(cache.digests()) == [second] != [first]
    assert contents(Path(opened.root)) == {"latest": b"c" * 100_000}


def test_a_damaged_copy_in_the_cache_is_replaced_when_the_content_is_logged_again(opened: gtrack.Repo) -> None:
    cache = cache_of(opened.repository)
    for data in (b"small", BIG):
        path = Path(cache.path(cache.add_bytes(data)))
        path.chmod(0o644)
        path.write_bytes(b"X" + data[1:])
    writer = open_run(Path(opened.repository.paths.spool))
    add(writer, "small", b"small")
    add(writer, "big", BIG)
    end(writer)
    assert contents(Path(opened.root)) == {"big": BIG, "small": b"small"}


# -- from elsewhere


def test_a_foreign_spool_is_taken_in_with_its_artifacts_and_only_once(opened: gtrack.Repo, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    writer = open_run(foreign)
    add(writer, "a.txt", b"a")
    add(writer, "big", BIG)
    end(writer)
    assert ingest(opened, str(foreign)).taken == (RUN,)
    assert contents(Path(opened.root)) == {"a.txt": b"a", "big": BIG}
    tip = opened.repository.tip
    assert ingest(opened, str(foreign / ".sealed")).taken == ()
    assert opened.repository.tip == tip
    assert files_of(home(opened) / "ingest") == set()


def test_a_foreign_spool_that_lies_is_refused_and_named(opened: gtrack.Repo, tmp_path: Path) -> None:
    lies = {
        "content": "the content of big is not what its digest says",
        "longer": "bytes; at most 100,000 are taken",
        "link": "is a symbolic link",
        "pipe": "is not a plain file",
        "folder": "is not a folder",
        "path": "a part of it is ..",
        "digest": "its digest is not a SHA-256",
    }
    for lie, reason in lies.items():
        foreign = tmp_path / lie
        writer = open_run(foreign)
        digest = add(writer, "big", BIG)
        _lie(lie, writer.stem, digest, tmp_path)
        if lie == "path":
            writer.ledger.append("artifact", {"path": "../x", "size": 1, "sha256": digest, "type": "text/plain"})
        if lie == "digest":
            writer.ledger.append("artifact", {"path": "x", "size": 1, "sha256": "../../x", "type": "text/plain"})
        end(writer)
        report = ingest(opened, str(foreign))
        assert report.taken == (), lie
        assert [reason in told for _, told in report.skipped] == [True], report.skipped
    assert opened.repository.tip is None
    assert files_of(home(opened) / "objects") == set()


def _lie(lie: str, stem: str, digest: str, elsewhere: Path) -> None:
    file = Path(f"{stem}.files/{digest}")
    if lie in ("content", "longer", "link", "pipe"):
        file.unlink()
    if lie == "content":
        file.write_bytes(b"x" * 100_000)
    elif lie == "longer":
        file.write_bytes(b"x" * 100_001)
    elif lie == "link":
        (elsewhere / "secret").write_bytes(BIG)
        file.symlink_to(elsewhere / "secret")
    elif lie == "pipe":
        os.mkfifo(file)
    elif lie == "folder":
        Path(stem + ".files").rename(stem + ".gone")
        Path(stem + ".files").symlink_to(elsewhere)


def test_hostile_lines_of_a_spool_put_nothing_anywhere(opened: gtrack.Repo, tmp_path: Path) -> None:
    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    good = add(writer, "good.txt", b"good")
    sound = {"size": 4, "sha256": good, "type": "text/plain"}
    for path in ("../x", "/x", ".git/hooks/post-commit", "a\\b", "nul", "c:/x"):
        writer.ledger.append("artifact", {"path": path, **sound, "offset": 0})
    writer.ledger.append("artifact", {"path": "far.txt", **sound, "offset": 1 << 50})
    writer.ledger.append("artifact", {"path": "climbs.txt", **sound, "sha256": "../" * 21 + "x"})
    end(writer)
    with opened.repository.lock():
        done = seal_spools(opened.repository, [spooled(spool)])
    assert [reason for _, reason in done.failed] == []
    assert set(opened.run(RUN).artifacts()) == {"far.txt", "good.txt"}  # its content is there, under another name
    assert files_of(home(opened) / "objects") == {f"{good[:2]}/{good}"}


# -- what fsck says


def test_fsck_finds_nothing_wrong_with_what_was_sealed_and_names_every_lie(opened: gtrack.Repo) -> None:
    from gtrack.branch.author import author
    from gtrack.branch.commit import commit_files
    from gtrack.format import yaml

    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    add(writer, "a.txt", b"a")
    end(writer)
    opened.recover()
    assert check(opened).findings == ()
    entry = {"size": 1, "sha256": "a" * 64, "type": "text/plain", "time": "2026-11-21T14:25:30.123456Z"}
    folder = f"runs/{RUN[:2]}/{RUN}/artifacts"
    hostile = {
        f"{folder}-{SESSION}-00000001-0-2.yaml": {"session": SESSION, "files": {"../x": entry, "ok": entry}},
        f"{folder}-{SESSION}-00000002-0-1.yaml": {"session": "00000000", "files": {"b": entry}},
        f"{folder}-{SESSION}-00000003-0-1.yaml": {"session": SESSION, "files": {"b": entry, "c": entry}},
    }
    by = author(opened.repository.config, opened.repository.env)
    with opened.repository.lock():
        files = {path: yaml.dump({"format": 1, **body}) for path, body in hostile.items()}
        commit_files(opened.repository, files, "hostile", "", by=by)
    told = [finding.what for finding in check(opened).findings]
    assert told == [
        '"../x" is left out: a part of it is ..',
        "it is of another session than its name says",
        "it names more artifacts than the range in its name",
    ]
    with gtrack.Repo(opened.root) as repo:
        listed = repo.run(RUN).artifact_list
        assert set(listed.artifacts) == {"a.txt", "b", "c", "ok"}
        assert [problem.partition(": ")[2] for problem in listed.problems] == [told[0]]


def test_a_run_of_too_many_artifacts_is_read_up_to_a_bound_and_says_so(
    opened: gtrack.Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gtrack.ops import artifacts

    spool = Path(opened.repository.paths.spool)
    writer = open_run(spool)
    with opened.repository.lock():
        for n in range(3):
            add(writer, f"{n}.txt", b"x")
            LiveRun(spooled(spool)).commit(opened.repository)
    end(writer)
    monkeypatch.setattr(artifacts, "MOST", 2)
    listed = opened.run(RUN).artifact_list
    assert list(listed.artifacts) == ["0.txt", "1.txt"]
    (problem,) = listed.problems
    assert "more than 2 artifacts" in problem
