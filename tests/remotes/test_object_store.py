"""The built-in git store: small objects travel beside the runs, over every transport, and in nobody's way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from clones import Clone
from object_world import absent, blob_of, give, kept_there, sender, some, take
from servers import SERVERS, Server, make_bare, plain_path, run

from gtrack.branch import object_store
from gtrack.branch.object_fetch import fetch_blobs, listed, read_object
from gtrack.branch.object_store import LARGEST, forget, held, send
from gtrack.branch.object_tree import LISTS, OBJECTS, copy_of
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import clone_id, tracking
from gtrack.errors import DamageError, NetworkError

CloneOf = Callable[..., Clone]


@pytest.fixture
def shelf(tmp_path: Path) -> Server:
    """A server at a path with one repository, ``team``, that has some code."""
    root = tmp_path / "served"
    root.mkdir()
    with plain_path(root) as server:
        return with_code(server, "team")


def with_code(server: Server, name: str, *options: str) -> Server:
    make_bare(server, name, *options)
    seed = server.root / f"seed-{name}"
    run("git", "init", "-q", "-b", "main", *options, str(seed))
    for number in (1, 2):
        run("git", "commit", "-q", "--allow-empty", "-m", f"code {number}", cwd=seed)
    run("git", "push", "-q", str(server.bare(name)), "main", cwd=seed)
    server.git(name, "symbolic-ref", "HEAD", "refs/heads/main")
    return server


def test_what_one_clone_sends_another_reads_over_every_transport(server: Server, bare: str, clone_of: CloneOf) -> None:
    ada, bob = clone_of(server, bare), clone_of(server, bare)
    contents, more = some(3), some(2, first=10)
    assert give(ada, contents).digests == contents.keys()
    assert give(ada, more).digests == more.keys()
    before = bob.user_state()
    assert take(bob, contents) == contents
    assert bob.user_state() == before
    assert absent(bob, more.values()) == len(more), "what was not asked for came too"
    assert kept_there(server, bare, ada) == contents.keys() | more.keys()


@pytest.mark.parametrize("kind", ["path", "http"])
def test_a_server_that_gives_out_nothing_by_its_id_gives_the_references(
    kind: str, tmp_path: Path, clone_of: CloneOf
) -> None:
    (tmp_path / "served").mkdir()
    with SERVERS[kind](tmp_path / "served") as server:
        make_bare(server, "team")
        ada, bob, eve = clone_of(server, "team"), clone_of(server, "team"), clone_of(server, "team")
        contents, others = some(3), some(3, first=10)
        give(ada, contents)
        give(eve, others)
        bob.set("protocol.version", "0")
        before = bob.user_state()
        assert take(bob, contents) == contents
        assert bob.user_state() == before
        assert absent(bob, others.values()) == len(others), "another clone's objects came too"


@pytest.mark.parametrize("kind", ["path", "http"])
def test_without_the_git_executable_objects_are_sent_and_fetched(kind: str, tmp_path: Path, clone_of: CloneOf) -> None:
    (tmp_path / "served").mkdir()
    with SERVERS[kind](tmp_path / "served") as server:
        make_bare(server, "team")
        for hook in (server.bare("team") / "hooks").iterdir():
            hook.unlink()
        ada, bob = clone_of(server, "team"), clone_of(server, "team")
        for clone in (ada, bob):
            clone.repo.close()
            clone.repo = Repository(str(clone.path), {**clone.env, "PATH": "/nowhere"})
            assert clone.repo.git is None
        contents = some(3)
        assert give(ada, contents).digests == contents.keys()
        assert take(bob, contents) == contents


def test_a_clone_and_a_fetch_of_gits_do_not_bring_objects(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    contents = some(3)
    give(ada, contents)
    bob = clone_of(shelf, "team", url=f"file://{shelf.bare('team')}")  # of a path git links all objects there are
    bob.git("fetch", "-q", "--prune")
    assert absent(bob, contents.values()) == len(contents)
    assert bob.git("for-each-ref", "refs/gtrack") == ""


def test_a_mirror_that_is_pushed_takes_only_what_its_clone_has(shelf: Server, clone_of: CloneOf) -> None:
    ada, bob = clone_of(shelf, "team"), clone_of(shelf, "team")
    contents, others = some(3), some(3, first=10)
    give(ada, contents)
    give(bob, others)
    assert take(bob, contents) == contents
    make_bare(shelf, "mirror")
    bob.git("push", "-q", "--mirror", str(shelf.bare("mirror")))
    there = shelf.git("mirror", "cat-file", "--batch-all-objects", "--batch-check")
    assert all(blob_of(bob, data) in there for data in others.values())
    assert not any(blob_of(bob, data) in there for data in contents.values())


def test_sending_again_changes_nothing(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    contents = some(5)
    give(ada, contents)
    refs = shelf.git("team", "for-each-ref")
    here = ada.git("for-each-ref")
    assert give(ada, contents).digests == contents.keys()
    assert shelf.git("team", "for-each-ref") == refs
    assert ada.git("for-each-ref") == here


def test_several_processes_of_a_clone_at_once_lose_nothing(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    clone_id(ada.repo)
    started = [subprocess.Popen(sender(ada, 100 * n, 6, batch=3), env=ada.env) for n in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    everything = {digest for n in range(3) for digest in some(6, first=100 * n)}
    assert kept_there(shelf, "team", ada) == everything
    assert take(clone_of(shelf, "team"), some(6, first=200)) == some(6, first=200)


def test_a_process_that_is_killed_between_batches_goes_on_where_it_was(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    done = subprocess.run(sender(ada, 0, 9, batch=2, dies_after=2), env=ada.env, check=False)
    assert done.returncode == -9
    first = kept_there(shelf, "team", ada)
    assert len(first) == 4
    assert give(ada, some(9)).digests == some(9).keys()
    assert kept_there(shelf, "team", ada) == some(9).keys()


def test_a_reference_that_was_lost_here_is_joined_with_the_remotes(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    give(ada, some(3))
    for ref in ada.git("for-each-ref", "--format=%(refname)", "refs/gtrack").splitlines():
        ada.git("update-ref", "-d", ref)
    give(ada, some(3, first=10))
    assert kept_there(shelf, "team", ada) == some(3).keys() | some(3, first=10).keys()


def test_objects_that_git_collected_before_they_were_sent_are_written_again(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    give(ada, some(2))
    shelf.bare("team").rename(shelf.bare("away"))
    contents = some(3, first=10)
    with pytest.raises(NetworkError):
        give(ada, contents)
    for data in contents.values():
        blob = blob_of(ada, data)
        (ada.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    shelf.bare("away").rename(shelf.bare("team"))
    kept = dict(list(contents.items())[:2])
    assert give(ada, kept).digests == kept.keys()
    assert kept_there(shelf, "team", ada) == some(2).keys() | kept.keys()


def test_what_cannot_be_read_or_is_too_large_holds_nothing_else_back(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    contents = some(2)
    large, lost = next(iter(some(1, first=50))), next(iter(some(1, first=51)))
    given = {**contents, large: bytes(LARGEST + 1)}
    sent = send(ada.repo, ada.transport(), tracking(ada.repo), [large, lost, "../x", *contents], given.__getitem__)
    assert sent.digests == contents.keys()
    assert sent.failed.keys() == {large, lost, "../x"}
    assert "1,048,577 bytes" in sent.failed[large]
    assert not sent.asks_for_store


def test_more_than_a_git_repository_should_carry_still_travels_and_asks_for_a_store(
    shelf: Server, clone_of: CloneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = clone_of(shelf, "team")
    monkeypatch.setattr(object_store, "MUCH", sum(map(len, some(4).values())))
    assert not give(ada, some(4)).asks_for_store
    sent = give(ada, some(1, first=10))
    assert sent.asks_for_store
    assert kept_there(shelf, "team", ada) == some(4).keys() | some(1, first=10).keys()


def test_a_server_that_refuses_the_reference_says_why(shelf: Server, clone_of: CloneOf) -> None:
    hook = shelf.bare("team") / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ncase "$1" in refs/gtrack/objects/*) echo no blobs here >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    sent = give(clone_of(shelf, "team"), some(2))
    assert sent.digests == frozenset()
    assert "no blobs here" in str(sent.refused)


@pytest.mark.parametrize("options", [["--bare"], ["--depth=1"], ["--filter=blob:none"]])
def test_bare_shallow_and_partial_clones_send_and_fetch_and_stay_what_they_are(
    options: list[str], shelf: Server, clone_of: CloneOf
) -> None:
    shelf.git("team", "config", "uploadpack.allowFilter", "true")
    url = f"file://{shelf.bare('team')}"
    ada, bob = clone_of(shelf, "team", *options, url=url), clone_of(shelf, "team", *options, url=url)
    contents = some(3)
    give(ada, contents)
    before = bob.user_state()
    assert take(bob, contents) == contents
    assert bob.user_state() == before
    assert give(bob, some(3, first=10)).digests == some(3, first=10).keys()
    assert bob.user_state() == before


def test_a_worktree_shares_its_clones_objects(shelf: Server, clone_of: CloneOf, tmp_path: Path) -> None:
    ada = clone_of(shelf, "team")
    give(ada, some(2))
    ada.git("worktree", "add", "-q", str(tmp_path / "tree"))
    other = Clone(tmp_path / "tree", ada.env)
    assert give(other, some(2, first=10)).digests == some(2, first=10).keys()
    assert held(other.repo).keys() == some(2).keys() | some(2, first=10).keys() == held(ada.repo).keys()
    other.close()


def test_a_repository_of_sha256_has_a_store_too(tmp_path: Path, clone_of: CloneOf) -> None:
    (tmp_path / "served").mkdir()
    with plain_path(tmp_path / "served") as server:
        with_code(server, "team", "--object-format=sha256")
        ada, bob = clone_of(server, "team"), clone_of(server, "team")
        assert give(ada, some(3)).digests == some(3).keys()
        assert take(bob, some(3)) == some(3)
        bob.set("protocol.version", "0")
        give(ada, some(3, first=10))
        assert take(bob, some(3, first=10)) == some(3, first=10)


def test_forgotten_objects_leave_the_remote_and_no_others(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    give(ada, some(4))
    other = Clone(ada.path, ada.env)
    stale = other.repo.refs.read(copy_of(OBJECTS + clone_id(other.repo), "origin"))
    subprocess.run(sender(ada, 10, 2), env=ada.env, check=True)
    assert stale is not None
    for ref in (OBJECTS, LISTS):  # our copies of them are those of before: another process was there
        name = ref + clone_id(ada.repo)
        ada.git("update-ref", copy_of(name, "origin"), ada.git("rev-parse", f"{copy_of(name, 'origin')}~1"))
    gone = list(some(4))[:3]
    forget(ada.repo, ada.transport(), tracking(ada.repo), gone)
    assert kept_there(shelf, "team", ada) == (some(4).keys() | some(2, first=10).keys()) - set(gone)
    assert give(ada, some(4)).digests == some(4).keys()
    assert kept_there(shelf, "team", ada) == some(4).keys() | some(2, first=10).keys()
    other.close()


def test_only_what_a_list_names_is_asked_for_and_what_is_gone_keeps_nothing_back(
    shelf: Server, clone_of: CloneOf
) -> None:
    ada, bob = clone_of(shelf, "team"), clone_of(shelf, "team")
    give(ada, some(4))
    code = bob.git("rev-parse", "HEAD")
    secret = shelf.git("team", "hash-object", "-w", "/dev/null")
    assert set(fetch_blobs(bob.repo, tracking(bob.repo), [secret, code, "../../x", "00" * 20])) == {
        secret, "../../x", "00" * 20,
    }  # fmt: skip
    # The remote's reference goes, and with it one object; the list still names all of them.
    gone, *others = (blob_of(ada, data) for data in some(4).values())
    (shelf.bare("team") / "objects" / gone[:2] / gone[2:]).unlink()
    assert fetch_blobs(bob.repo, tracking(bob.repo), [gone, *others]) == [gone]
    assert next(iter(listed(bob.repo, tracking(bob.repo)).values())) == {gone, *others}


def test_a_git_id_leads_to_an_objects_content_only_by_its_sha256(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    digest, data = next(iter(some(1).items()))
    private = ada.git("hash-object", "-w", "--stdin", feed=b"a private file")
    large = ada.git("hash-object", "-w", "--stdin", feed=bytes(LARGEST + 1))
    for blob, why in ((private, "another SHA-256"), (large, "too large"), (ada.git("rev-parse", "HEAD"), "no file")):
        with pytest.raises(DamageError, match=why):
            read_object(ada.repo, digest, blob)
    for blob in ("", "HEAD", "-h", "../../config", "0" * 40, "0" * 64):
        assert read_object(ada.repo, digest, blob) is None
    good = ada.git("hash-object", "-w", "--stdin", feed=data)
    assert read_object(ada.repo, digest, good) == data
    path = ada.path / ".git" / "objects" / good[:2] / good[2:]
    path.chmod(0o644)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DamageError, match=r"damaged"):
        read_object(ada.repo, digest, good)


@pytest.mark.parametrize("content", [b"", b"\xff\x00" * 100, b"../../x\n-h\n", b"0" * 40 + b"\n"])
def test_a_hostile_list_misleads_nobody(content: bytes, shelf: Server, clone_of: CloneOf) -> None:
    ada, bob = clone_of(shelf, "team"), clone_of(shelf, "team")
    give(ada, some(2))
    blob = ada.git("hash-object", "-w", "--stdin", feed=content)
    tree = ada.git("mktree", feed=f"100644 blob {blob}\tblobs\n".encode())
    for clone, what in (("0123456789abcdef", tree), ("fedcba9876543210", ada.git("mktree", feed=b"")), ("x", tree)):
        ada.git("push", "-q", "origin", f"{ada.git('commit-tree', '-m', 'x', what)}:{LISTS}{clone}")
    assert take(bob, some(2)) == some(2)
    assert fetch_blobs(bob.repo, tracking(bob.repo), ["0" * 40]) == ["0" * 40]


@pytest.mark.soak
def test_a_process_that_is_killed_at_any_moment_leaves_a_sound_store(shelf: Server, clone_of: CloneOf) -> None:
    ada = clone_of(shelf, "team")
    clone_id(ada.repo)
    for attempt in range(20):
        process = subprocess.Popen(sender(ada, 0, 60, batch=4), env=ada.env, start_new_session=True)
        try:
            process.wait(0.15 + attempt * 0.07)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
        process.wait()
    give(ada, some(60))
    assert kept_there(shelf, "team", ada) == some(60).keys()
