"""Loose objects are those that git would write: same name, same place, same rights."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snapshot_checkout import Checkout

from gtrack.branch.loose import BLOB, object_id, read_loose, write_loose
from gtrack.branch.objects import Objects
from gtrack.errors import DamageError


@pytest.fixture(params=["sha1", "sha256"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repo", init=(f"--object-format={request.param}",))


def objects_of(repo: Checkout) -> str:
    return os.path.join(repo.common_dir, "objects")


def format_of(repo: Checkout) -> str:
    return repo("rev-parse", "--show-object-format").strip()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_an_object_is_named_as_git_names_it_and_read_back(repo: Checkout, data: bytes) -> None:
    oid = write_loose(objects_of(repo), BLOB, data, format_of(repo))
    (repo.root / "file").write_bytes(data)

    assert oid == repo("hash-object", "--no-filters", "file").strip()
    assert read_loose(objects_of(repo), oid) == (BLOB, data)
    assert repo("cat-file", "-s", oid).strip() == str(len(data))


def test_what_is_written_passes_gits_own_check_and_leaves_nothing_else(repo: Checkout) -> None:
    for number in range(20):
        write_loose(objects_of(repo), BLOB, b"%d" % number, format_of(repo))

    assert "error" not in repo("fsck", "--full")
    assert not list(Path(objects_of(repo)).rglob("tmp_obj_*"))


def test_an_object_that_is_there_gets_a_fresh_time_alone(repo: Checkout) -> None:
    oid = write_loose(objects_of(repo), BLOB, b"one", format_of(repo))
    path = Path(objects_of(repo), oid[:2], oid[2:])
    os.utime(path, (1, 1))
    before = path.stat().st_ino
    write_loose(objects_of(repo), BLOB, b"one", format_of(repo))

    assert path.stat().st_ino == before
    assert path.stat().st_mtime > 1


def test_an_absent_object_is_none_and_a_name_that_is_no_id_leads_nowhere(repo: Checkout) -> None:
    (Path(repo.common_dir) / "secret").write_text("x")

    assert read_loose(objects_of(repo), object_id(BLOB, b"absent", format_of(repo))) is None
    assert read_loose(objects_of(repo), "../secret") is None


@pytest.mark.parametrize("content", [b"", b"x", b"\x78\x01torn"])
def test_a_damaged_object_is_damage_and_no_content(repo: Checkout, content: bytes) -> None:
    oid = write_loose(objects_of(repo), BLOB, b"one", format_of(repo))
    path = Path(objects_of(repo), oid[:2], oid[2:])
    path.chmod(0o644)
    path.write_bytes(content)

    with pytest.raises(DamageError):
        read_loose(objects_of(repo), oid)


def test_another_objects_content_is_damage(repo: Checkout) -> None:
    one, two = (write_loose(objects_of(repo), BLOB, data, format_of(repo)) for data in (b"one", b"two"))
    os.replace(Path(objects_of(repo), two[:2], two[2:]), Path(objects_of(repo), one[:2], one[2:]))

    with pytest.raises(DamageError, match="another id"):
        read_loose(objects_of(repo), one)


def test_a_damaged_file_is_no_loss_where_a_pack_has_the_object(repo: Checkout) -> None:
    repo.write("file", "one")
    repo.commit()
    repo("repack", "-a", "-q")  # the loose files stay
    oid = repo("rev-parse", "HEAD:file").strip()
    path = Path(objects_of(repo), oid[:2], oid[2:])
    path.chmod(0o644)
    path.write_bytes(b"")
    objects = Objects(repo.common_dir, format_of(repo))

    assert objects.read(oid, BLOB) == b"one"
    objects.close()


def test_packs_and_alternates_are_read(tmp_path: Path) -> None:
    repo = Checkout(tmp_path / "repo")  # of SHA-1: dulwich takes every alternate for such a one
    repo.write("file", "one")
    repo.commit()
    repo("repack", "-a", "-d", "-q")
    oid = repo("rev-parse", "HEAD:file").strip()
    repo("clone", "-q", "--shared", str(repo.root), str(tmp_path / "clone"))
    for git_dir in (repo.common_dir, str(tmp_path / "clone" / ".git")):
        objects = Objects(git_dir, format_of(repo))
        assert oid in objects
        assert objects.read(oid, BLOB) == b"one"
        objects.close()


def test_what_is_written_to_a_shared_repository_is_shared(tmp_path: Path) -> None:
    repo = Checkout(tmp_path / "shared", init=("--shared=group",))
    objects = Path(objects_of(repo))
    before = os.umask(0o077)
    try:
        oids = [write_loose(str(objects), BLOB, b"%d" % number) for number in range(5)]
    finally:
        os.umask(before)

    for oid in oids:
        assert stat.S_IMODE((objects / oid[:2]).stat().st_mode) == stat.S_IMODE(objects.stat().st_mode)
        assert (objects / oid[:2] / oid[2:]).stat().st_mode & stat.S_IRGRP
