"""What a push and a pull do with files: first the objects, and never held up by them."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from store_servers import HOST, free_port
from store_world import LARGE, World, cache, git, marks, stored, type_in

from gtrack.branch.repository import Repository
from gtrack.errors import NotFoundError
from gtrack.ops.keep_objects import outbox_of
from gtrack.ops.objects import Wanted, bring
from gtrack.ops.send_objects import ObjectsSent, settle
from gtrack.reader import Repo
from gtrack.store.place import key_of

DIGEST = hashlib.sha256(LARGE).hexdigest()


def use(world: World, *options: str) -> None:
    """Set the folder as Ada's store."""
    type_in(world.ada, "store", "set", str(world.store), *options)


def published(world: World) -> bool:
    """Tell whether the team has the run."""
    return bool(git(world.remote, "ls-tree", "-r", "--name-only", "gtrack", "runs"))


def test_a_push_sends_every_file_to_the_store_and_then_nothing_is_marked(world: World) -> None:
    use(world)
    said = type_in(world.ada, "push")
    assert f"2 files (2.0 MiB) sent to {world.store}" in said.out
    assert stored(world.store)[DIGEST] == LARGE
    assert len(stored(world.store)) == 2
    assert marks(world.ada) == []
    assert published(world)
    assert "sent" not in type_in(world.ada, "push").out


def test_without_a_store_small_files_go_along_and_large_ones_wait_and_are_told_of(world: World) -> None:
    said = type_in(world.ada, "push")
    assert "1 file (5 B) sent to origin" in said.out
    assert "not sent: 1 file (2.0 MiB)" in said.err
    assert "gtrack store set" in said.err
    assert [mark.digest for mark in marks(world.ada)] == [DIGEST]
    assert published(world)
    waiting = type_in(world.ada, "push", "--json").json["artifacts"]["waiting"]  # type: ignore[index]
    assert [(each["digest"], each["size"]) for each in waiting] == [(DIGEST, len(LARGE))]
    assert "1 file of artifacts to send (2.0 MiB)  gtrack store set URL" in type_in(world.ada, "status").out
    use(world)
    assert "1 file of artifacts to send (2.0 MiB)  gtrack push" in type_in(world.ada, "status").out
    assert "1 file (2.0 MiB) sent" in type_in(world.ada, "push").out
    assert marks(world.ada) == []


def test_a_store_that_is_down_holds_nothing_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install s3fs")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "tests")
    closed = f"endpoint_url=http://{HOST}:{free_port()}"
    type_in(world.ada, "store", "set", "s3://team-store", "--option", closed, "--here")
    said = type_in(world.ada, "push")
    assert published(world)
    assert "1 run" in said.out
    assert "not sent: 2 files" in said.err
    assert "cannot write to s3://team-store: Could not connect" in said.err
    assert len(marks(world.ada)) == 2
    told = type_in(world.ada, "store", "status", "--json").json
    assert (told["reachable"], told["waiting"]) == (False, 2)


def test_a_disk_that_is_not_mounted_is_not_written_to(world: World) -> None:
    use(world)
    moved = world.store.rename(world.root / "unmounted")
    said = type_in(world.ada, "push")
    assert "is the disk mounted?" in said.err
    assert published(world)
    assert not world.store.exists()
    moved.rename(world.store)
    assert "2 files" in type_in(world.ada, "push").out


def test_an_object_that_fails_lets_the_others_through(world: World) -> None:
    use(world)
    path = Path(cache(world.ada).path(DIGEST))
    path.chmod(0o600)
    path.write_bytes(LARGE[:-1] + b"\x00")
    said = type_in(world.ada, "push")
    assert "1 file (5 B) sent" in said.out
    assert f"the object {DIGEST[:12]} in the cache is damaged" in said.err
    assert DIGEST not in stored(world.store)
    assert [mark.digest for mark in marks(world.ada)] == [DIGEST]


def test_what_is_sent_stays_marked_until_its_run_is_at_the_remote(world: World) -> None:
    use(world)
    world.remote.rename(world.root / "gone")
    type_in(world.ada, "push", code=5)
    assert len(stored(world.store)) == 2
    assert [mark.sent is not None for mark in marks(world.ada)] == [True, True]
    (world.root / "gone").rename(world.remote)
    said = type_in(world.ada, "push")
    assert "sent" not in said.out
    assert marks(world.ada) == []


def test_a_mark_is_not_believed_for_long_while_the_run_is_not_at_the_remote(world: World) -> None:
    use(world)
    world.remote.rename(world.root / "gone")
    type_in(world.ada, "push", code=5)
    (world.root / "gone").rename(world.remote)
    (world.store / key_of(DIGEST)).unlink()  # an old object that was found there, collected as nobody's since
    with Repository(str(world.ada), os.environ) as repo:
        for mark in marks(world.ada):
            assert mark.sent is not None
            outbox_of(repo).mark_sent(mark.digest, mark.sent - 2 * 3_600_000_000, str(mark.place))
    world.store.rename(world.root / "unmounted")
    type_in(world.ada, "push")  # the run is there now, and its files could not be looked for
    assert published(world)
    assert len(marks(world.ada)) == 2
    (world.root / "unmounted").rename(world.store)
    type_in(world.ada, "push")
    assert stored(world.store)[DIGEST] == LARGE
    assert marks(world.ada) == []


def test_a_mark_that_another_run_makes_meanwhile_stays(world: World) -> None:
    with Repository(str(world.ada), os.environ) as repo:
        looked_at = tuple(marks(world.ada))
        outbox = outbox_of(repo)
        for mark in looked_at:
            outbox.mark_sent(mark.digest, 1, "somewhere")
        outbox.add(DIGEST, len(LARGE), None, "ab" * 16)
        settle(repo, ObjectsSent(looked_at=looked_at))
    assert [mark.digest for mark in marks(world.ada)] == [DIGEST]


def test_two_repositories_leave_a_note_each_and_one_object_of_equal_content(world: World, tmp_path: Path) -> None:
    use(world)
    type_in(world.ada, "push")
    second = world.copy(tmp_path / "second")
    type_in(second.ada, "store", "set", str(world.store))
    assert len(type_in(second.ada, "store", "status", "--json").json["repositories"]) == 2  # type: ignore[arg-type]
    said = type_in(second.ada, "push")
    assert "sent" not in said.out or "0 files" in said.out
    assert len(stored(world.store)) == 2


def test_a_colleague_gets_everything_once_he_agreed(world: World) -> None:
    use(world)
    world.share()
    type_in(world.ada, "push")
    bob = world.colleague()
    said = type_in(bob, "pull", "--artifacts")
    assert "nobody here agreed to use" in said.err
    assert "gtrack store accept" in said.err
    assert list(cache(bob).digests()) == []
    type_in(bob, "store", "accept")
    assert "2 files of artifacts (2.0 MiB) fetched" in type_in(bob, "pull", "--artifacts").out
    assert {digest: cache(bob).read(digest) for digest in stored(world.store)} == stored(world.store)
    assert "0 files of artifacts (0 B) fetched, 2 here already" in type_in(bob, "pull", "--artifacts").out


def test_what_cannot_be_asked_for_and_what_nobody_sent_are_told_apart(world: World, tmp_path: Path) -> None:
    use(world)
    world.share()
    git(world.ada, "config", "gtrack.store", str(tmp_path / "elsewhere"))
    type_in(world.ada, "push")
    bob, get = world.colleague(), ("artifact", "get", "last", "-o", str(tmp_path / "out"))
    said = type_in(bob, *get, code=5)
    assert "is not here and cannot be fetched: nobody here agreed to use" in said.err
    with Repo(str(bob)) as repo, pytest.raises(NotFoundError, match="nobody here agreed to use"):
        repo.run("last").read_artifact("model.bin")
    type_in(bob, "store", "accept")
    said = type_in(bob, *get, code=3)
    assert f"nor at origin or the store: it waits on {os.uname().nodename}, where it was recorded" in said.err
    assert "gtrack push, there, sends it" in said.err


def test_without_a_remote_no_push_is_advised(world: World) -> None:
    git(world.ada, "remote", "remove", "origin")
    assert "gtrack push" not in type_in(world.ada, "status").out


def test_a_filter_says_whose_files_are_pulled(world: World) -> None:
    use(world)
    world.share()
    type_in(world.ada, "push")
    bob = world.colleague()
    type_in(bob, "store", "accept")
    assert "0 files" in type_in(bob, "pull", "--artifacts", "--where", "metrics.loss > 0.9").out
    assert "2 files" in type_in(bob, "pull", "--artifacts", "--where", "metrics.loss < 0.9").out
    type_in(bob, "pull", "--where", "metrics.loss < 0.9", code=2)


def test_damage_in_the_store_is_named_and_does_not_come_here(world: World) -> None:
    use(world)
    world.share()
    type_in(world.ada, "push")
    path = world.store / key_of(DIGEST)
    path.chmod(0o600)
    path.write_bytes(LARGE[:-1] + b"\x00")
    bob = world.colleague()
    type_in(bob, "store", "accept")
    said = type_in(bob, "pull", "--artifacts", code=6)
    assert DIGEST[:12] in said.err
    assert not cache(bob).has(DIGEST)


def test_what_has_gone_to_git_and_what_is_in_the_store_are_both_found(world: World) -> None:
    type_in(world.ada, "push")
    use(world)
    world.share()
    type_in(world.ada, "push")
    assert len(stored(world.store)) == 1
    bob = world.colleague()
    type_in(bob, "store", "accept")
    assert "2 files of artifacts" in type_in(bob, "pull", "--artifacts").out


def test_nobody_is_asked_offline(world: World) -> None:
    use(world)
    type_in(world.ada, "push")
    cache(world.ada).remove(DIGEST)
    with Repository(str(world.ada), os.environ) as repo:
        assert list(bring(repo, [Wanted(DIGEST, len(LARGE))], offline=True).missing) == [DIGEST]
        assert bring(repo, [Wanted(DIGEST, len(LARGE))]).came == 1


def test_another_size_than_the_manifest_says_is_damage(world: World) -> None:
    use(world)
    type_in(world.ada, "push")
    cache(world.ada).remove(DIGEST)
    with Repository(str(world.ada), os.environ) as repo:
        done = bring(repo, [Wanted(DIGEST, 10**18)])
    assert done.damaged == {DIGEST}


_SLOW = """
import sys, time
from gtrack.store import local_place
put = local_place.LocalPlace.put
def slow(self, key, content, progress):
    print("sending", flush=True)
    def at(position):
        time.sleep(0.05)
        progress(position)
    for _ in range(10_000):
        put(self, key, content, at)
local_place.LocalPlace.put = slow
from gtrack.cli import main
sys.exit(main(["push"]))
"""


def test_an_interrupt_stops_a_push_at_once_and_the_next_one_goes_on(world: World) -> None:
    use(world)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _SLOW]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=world.ada, env=env, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == b"sending\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == b"gtrack: interrupted\n"
    assert "sent to" in type_in(world.ada, "push").out
    assert len(stored(world.store)) == 2
    assert marks(world.ada) == []
