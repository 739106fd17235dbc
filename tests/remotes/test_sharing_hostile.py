"""What nobody honest wrote: from a fork it changes nothing here; of the team's remote, what the design says."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from forged import (
    BRANCH,
    EXECUTABLE,
    FORK,
    INBOX,
    LINK,
    SUBMODULE,
    TRACKING,
    WAITING,
    YEAR_9999,
    Desk,
    Files,
    event,
    forge,
    reachable,
    run_yaml,
    stored,
)

from gtrack.branch.repository import Repository
from gtrack.clock import now_ns, stamp
from gtrack.format.names import run_dir
from gtrack.ids import sha12
from gtrack.text import clean

THEIRS = "3f" + "0" * 30
NESTED = b"format: 1\nkind: note\ntext: " + b"[" * 200_000 + b"]" * 200_000
SESSIONS = "9c1d7b6e-9c1d7b6e"
STOLEN = {"kind": "rename", "name": "stolen"}
MALLORYS, ORIGINS = "refs/remotes/mallory/gtrack", "refs/remotes/origin/gtrack"
FETCHED_INBOX = INBOX.replace("refs/gtrack/", "refs/gtrack/remotes/origin/")


@dataclass(frozen=True)
class Kind:
    """A kind of file that no gtrack writes where it is.

    Attributes:
        files: Makes it, for the run that is attacked.
        says: What ``gtrack fsck`` says of it, in the branch of a fork and elsewhere.
        fate: What becomes of it in an inbox: ``refused``, ``carried`` or ``stands`` (what is published does).
        level: How ``gtrack fsck`` takes it in a branch of the team's.
    """

    files: Callable[[str], Files]
    says: tuple[str, str]
    fate: str = "refused"
    level: str = "error"


def _bad(says: str, files: Callable[[str], Files], fate: str = "refused", level: str = "error") -> Kind:
    return Kind(files, (says, says), fate, level)


def _unheard(files: Callable[[str], Files]) -> Kind:
    return Kind(files, ("only runs are heard", ""), "carried", "")


def _event_name(at: int, digest: str) -> str:
    return f"events/{stamp(at)}-{digest}.yaml"


NOW = now_ns() // 1000
KINDS = {
    "a tombstone of my run": _unheard(lambda run: event(f"tombstones/{run[:2]}/{run}", {"kind": "tombstone"})),
    "a moved alias": _unheard(
        lambda _: event("models/churn/events", {"kind": "alias", "alias": "champion", "version": None})
    ),
    "an experiment": _unheard(
        lambda _: event("experiments/default/events", {"kind": "set", "description": "mine", "author": "Mallory"})
    ),
    "a view": _unheard(
        lambda _: event("views/team", {"kind": "save", "page": "runs", "settings": {"where": ""}, "author": "Mallory"})
    ),
    "an event of the year 9999": _bad(
        "in the future", lambda run: event(f"{run_dir(run)}/events", STOLEN, YEAR_9999), "carried", "warning"
    ),
    "an altered run.yaml": Kind(
        lambda run: {f"{run_dir(run)}/run.yaml": run_yaml(run, "stolen")},
        ("other content than here", "changes it"),
        "stands",
    ),
    "a link": _bad("a symbolic link", lambda run: {f"{run_dir(run)}/console-{SESSIONS}.log.gz": (LINK, b"/etc/x")}),
    "an executable": _bad("an executable", lambda run: {f"{run_dir(run)}/values-{sha12(b'x')}.txt": (EXECUTABLE, b"")}),
    "a submodule": _bad("a submodule", lambda run: {f"{run_dir(run)}/events/x": (SUBMODULE, "1" * 40)}),
    "a way out": _bad("not safe", lambda run: {f"{run_dir(run)}/../../../../escaped": b"out"}),
    "a git folder": _bad("not safe", lambda _: {".git/hooks/post-checkout": b"#!/bin/sh\n"}),
    "a git folder of Windows": _bad("not safe", lambda run: {f"{run_dir(run)}/GIT~1/config": b"[core]\n"}),
    "control characters": _bad("not safe", lambda run: {f"{run_dir(run)}/events/\x1b[2J\x07\n\x9b.yaml": b"x"}),
    "a wrong digest": _bad(
        "does not match the digest",
        lambda run: {f"{run_dir(run)}/{_event_name(NOW, '0123456789ab')}": next(iter(event("x", STOLEN).values()))},
    ),
    "a bomb for an event": _bad(
        "nesting depth", lambda run: {f"{run_dir(run)}/{_event_name(NOW, sha12(NESTED))}": NESTED}, "carried"
    ),
    "a bomb for an end": _bad(
        "nesting depth", lambda run: {f"{run_dir(run)}/end-{stamp(NOW)}-{sha12(NESTED)}.yaml": NESTED}, "carried"
    ),
    "a bomb for a run": _bad("nesting depth", lambda _: {f"{run_dir('4f' + THEIRS[2:])}/run.yaml": NESTED}, "carried"),
    "an unknown file": _bad("knows no such file", lambda run: {f"{run_dir(run)}/x.txt": b"hi"}, "carried", "warning"),
}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk.make(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def desk(template: Desk, tmp_path: Path) -> Desk:
    return template.copy(tmp_path / "desk")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def theirs() -> Files:
    """A sound run of Mallory's."""
    return {f"{run_dir(THEIRS)}/run.yaml": run_yaml(THEIRS)}


def read_everything(desk: Desk) -> None:
    """Call every command that reads."""
    desk.type("ls")
    desk.type("show", "last")
    desk.type("status", "--fetch")


# A fork as a second remote


@contextlib.contextmanager
def nothing_published(desk: Desk) -> Iterator[None]:
    """Assert that no object which Mallory alone has reaches the team's remote, whatever is done."""
    ours = stored(desk.path)
    yield
    assert (alone := stored(desk.bares[FORK]) - ours)
    assert not alone & stored(desk.bares[TRACKING])


def test_a_fork_changes_nothing_of_mine_and_nothing_of_it_is_published(desk: Desk, kind: Kind) -> None:
    before, files, mine = desk.runs(), desk.local(), desk.mine
    with desk.unharmed(), nothing_published(desk):
        desk.forge(FORK, {**kind.files(mine), **theirs()})
        found = [finding for finding in desk.fsck() if kind.says[0] in finding["what"]]
        assert (
            [(finding["level"], finding["source"]) for finding in found] == [("warning", MALLORYS)] * len(found) != []
        )
        desk.type("ls", "--remote", "mallory")
        read_everything(desk)
        assert desk.runs() == before
        assert desk.local() == files
        desk.type("log", "loss=0.4", "--name", "next")
        desk.type("push")
        desk.type("pull")
    assert desk.runs()["mine"] == before["mine"]
    assert files.items() <= desk.published().items()
    assert desk.published() == desk.local()


def test_of_a_fork_only_what_is_sound_of_the_chosen_runs_is_taken(desk: Desk, kind: Kind) -> None:
    before, mine = desk.runs(), desk.mine
    bad = kind.files(mine)
    desk.forge(FORK, {**bad, **kind.files(THEIRS), **theirs()})
    known = stored(desk.bares[TRACKING])
    with desk.unharmed():
        desk.type("pull", "mallory", "--where", "params.lr = 0.1 OR name = 'theirs'", "--yes")
        desk.type("pull", "mallory", THEIRS, mine, "--yes")
        desk.type("push")
    assert desk.runs()["mine"] == before["mine"]
    assert set(desk.runs()) == {"mine", "theirs"}
    new = {path for path in desk.published() if THEIRS in path}
    assert new == {f"{run_dir(THEIRS)}/run.yaml"}
    assert not any(finding["level"] == "error" for finding in desk.fsck())
    assert len(stored(desk.bares[TRACKING]) - known) <= 6


# An inbox of the team's remote: whoever may push can write there, and nobody has checked it


def test_what_waits_in_an_inbox_is_taken_in_or_left_out_as_the_design_says(desk: Desk, kind: Kind) -> None:
    before, files, mine = desk.runs(), desk.published(), desk.mine
    bad = kind.files(mine)
    tip = desk.forge(WAITING, {**bad, **theirs()})
    with desk.unharmed():
        read_everything(desk)
        found = {(finding["level"], finding["source"]) for finding in desk.fsck() if kind.says[1] in finding["what"]}
        assert ((kind.level, FETCHED_INBOX) in found) == bool(kind.says[1])
        assert told(desk.runs()["mine"]) == told(before["mine"])
        said = desk.type("push")
        assert desk.json("status")["inboxes"] == 0
        desk.type("pull")
        desk.type("tag", "mine", "checked=yes")
    after = desk.published()
    assert after.keys() - files.keys() - bad.keys() == {f"{run_dir(THEIRS)}/run.yaml"}
    if kind.fate == "carried":
        assert bad.keys() <= after.keys()
    else:
        assert not bad.keys() & (after.keys() - files.keys())
        assert files.items() <= after.items()
        named = [line.removeprefix("not published: ").split(": ")[0] for line in said.splitlines() if "not pub" in line]
        assert len(named) == 1
        assert clean(next(iter(bad))).startswith(named[0])
        # Its history would be published with it.
        assert tip not in reachable(desk.bares[TRACKING], BRANCH)
        assert not [finding for finding in desk.fsck() if finding["level"] == "error"]
    assert INBOX not in desk.git("ls-remote", "origin")
    assert (desk.runs()["mine"]["tags"], desk.runs()["mine"]["name"]) == ({"checked": "yes"}, "mine")


def told(run: dict[str, object]) -> dict[str, object]:
    """Return what is known of a run, without what is said of files that have no effect."""
    return {key: value for key, value in run.items() if key not in ("problems", "future")}


# The team's remote itself: what is published stands


def test_what_the_teams_branch_holds_is_carried_reported_and_never_trusted(desk: Desk, kind: Kind) -> None:
    before, mine = desk.runs(), desk.mine
    bad = kind.files(mine)
    desk.forge(TRACKING, {**bad, **theirs()})
    published = desk.published()
    with desk.unharmed():
        read_everything(desk)
        check_reported(desk, kind)
        desk.type("pull")
        check_reported(desk, kind)
        desk.type("tag", "theirs", "checked=yes")
        desk.type("log", "loss=0.4", "--name", "next")
        desk.type("push")
    assert published.items() <= desk.published().items()
    runs = desk.runs()
    if kind.fate == "stands":
        assert runs["stolen"]["id"] == mine  # it is published: fsck tells, people decide
    else:
        assert told(runs["mine"]) == told(before["mine"])
    assert {"theirs", "next"} <= set(runs)


def check_reported(desk: Desk, kind: Kind) -> None:
    levels = {finding["level"] for finding in desk.fsck() if kind.says[1] in finding["what"]}
    assert levels == ({kind.level} if kind.says[1] else set())


# FORMAT: what it says, every gtrack must obey or stay away from

NEWER, UNREADABLE = b"format: 2\nepoch: 0\n", b"\xff" * 5000


@pytest.mark.parametrize("data", [NEWER, UNREADABLE])
def test_nothing_is_read_or_written_once_the_team_has_a_newer_format(desk: Desk, data: bytes) -> None:
    tip = desk.forge(TRACKING, {"FORMAT": data})
    local = desk.git("rev-parse", BRANCH)
    with desk.unharmed():
        for command in (("push",), ("pull",), ("status", "--fetch"), ("ls",), ("show", "mine"), ("tag", "mine", "a=b")):
            assert desk.call(*command).code == 7, command
        assert desk.call("fsck").code == 6
    assert desk.git("rev-parse", BRANCH) == local
    assert desk.git("ls-remote", "origin", BRANCH).split()[0] == tip


@pytest.mark.parametrize("data", [NEWER, UNREADABLE])
def test_an_inbox_of_a_newer_format_waits_and_holds_nobody_back(desk: Desk, data: bytes) -> None:
    tip = desk.forge(WAITING, {**theirs(), "FORMAT": data})
    with desk.unharmed():
        read_everything(desk)
        desk.type("log", "loss=0.1", "--name", "next")
        said = desk.type("push")
    assert f"{INBOX} is left where it is: " in said
    assert desk.git("ls-remote", "origin", INBOX).split()[0] == tip
    assert set(desk.runs()) == {"mine", "next"}
    assert desk.published() == desk.local()


def test_the_teams_higher_epoch_is_followed_and_a_lower_tip_gives_its_files_alone(desk: Desk) -> None:
    before = desk.git("rev-parse", BRANCH)
    desk.type("log", "loss=0.1", "--name", "next")
    desk.forge(TRACKING, {"FORMAT": b"format: 1\nepoch: 3\n"}, rewrite=True)
    for _ in range(2):
        desk.type("pull")
        desk.type("push")
    assert set(desk.runs()) == {"mine", "next"}
    assert desk.git("cat-file", "blob", f"{BRANCH}:FORMAT") == "format: 1\nepoch: 3"
    assert before not in reachable(desk.bares[TRACKING], BRANCH)
    assert desk.published() == desk.local()


# Time


@pytest.mark.parametrize("where", [TRACKING, WAITING])
def test_an_edit_after_an_event_of_the_year_9999_takes_effect_at_once(desk: Desk, where: str) -> None:
    mine = desk.mine
    desk.forge(where, event(f"{run_dir(mine)}/events", {"kind": "tag", "tags": {"stage": "stolen"}}, YEAR_9999))
    desk.type("pull")
    assert [*desk.runs()["mine"]["future"]]
    desk.type("tag", "mine", "stage=good")
    assert desk.runs()["mine"]["tags"] == {"stage": "good"}
    desk.type("push")
    assert desk.runs()["mine"]["tags"] == {"stage": "good"}
    assert desk.json("status")["future"] == [mine]
    assert "time that has not come" in desk.type("status")


# What a history holds is published with it


def test_what_was_put_on_the_local_branch_and_taken_back_is_not_published(desk: Desk) -> None:
    secret = b"a key that was committed by accident"
    with Repository(str(desk.path), dict(os.environ)) as repo:
        first = repo.tip
        bad = forge(repo, {"notes/key.txt": secret}, first, base=first)
        tip = forge(repo, theirs(), bad, base=first)
    desk.git("update-ref", BRANCH, tip)
    desk.type("push")
    assert set(desk.runs()) == {"mine", "theirs"}
    assert f"{run_dir(THEIRS)}/run.yaml" in desk.published()
    assert not {bad, tip} & stored(desk.bares[TRACKING])
    assert secret not in content(desk.bares[TRACKING])


def test_a_pull_makes_no_parent_of_what_a_push_would_refuse(desk: Desk) -> None:
    secret = b"/a/link/to/what/nobody/shall/see"
    with Repository(str(desk.path), dict(os.environ)) as repo:
        tip = forge(repo, {"x": (LINK, secret), **theirs()}, repo.tip, base=repo.tip)
    desk.git("update-ref", BRANCH, tip)
    other = "5f" + "0" * 30
    desk.forge(TRACKING, {f"{run_dir(other)}/run.yaml": run_yaml(other, "the team's")})
    desk.type("pull")
    desk.type("fsck")
    desk.type("push")
    assert set(desk.runs()) == {"mine", "theirs", "the team's"}
    assert tip not in stored(desk.bares[TRACKING])
    assert secret not in content(desk.bares[TRACKING])


def content(bare: Path) -> bytes:
    """Return the content of every object that a repository has."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch", "--unordered"]
    return subprocess.run(command, cwd=bare, check=True, capture_output=True).stdout
