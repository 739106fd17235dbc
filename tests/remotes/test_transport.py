"""Transport: the same over paths, git, http and ssh, and a clear sentence for everything that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clones import Clone
from servers import KINDS, Server

from gtrack.branch.transport import ABSENT, Outcome, Status, Update
from gtrack.errors import NetworkError

BRANCH, CODE = "refs/heads/gtrack", "refs/gtrack/code"
COPY, CODE_COPY = "refs/remotes/origin/gtrack", "refs/gtrack/remotes/origin/code"
INBOX, OTHER_INBOX = "refs/gtrack/inbox/0123456789abcdef/runs", "refs/gtrack/inbox/fedcba9876543210/runs"
INBOXES, INBOX_COPIES = "refs/gtrack/inbox/*", "refs/gtrack/remotes/origin/inbox/*"
SPECS = {BRANCH: COPY, CODE: CODE_COPY, INBOXES: INBOX_COPIES}
DONE, UNCHANGED = Outcome(Status.DONE), Outcome(Status.UNCHANGED)

CloneOf = Callable[..., Clone]


def at_server(server: Server, name: str) -> dict[str, str]:
    """The references that a bare repository has, after git has found nothing wrong with it."""
    # What git would complain of otherwise is what a client that broke off leaves to be swept.
    server.git(name, "fsck", "--full", "--strict", "--no-dangling")
    lines = server.git(name, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split() for line in lines)  # type: ignore[arg-type]


# What every server does


def test_an_empty_remote_has_nothing_and_that_is_no_error(server: Server, bare: str, clone_of: CloneOf) -> None:
    transport = clone_of(server, bare).transport()
    assert transport.list() == {}
    assert transport.fetch(SPECS) == {BRANCH: None, CODE: None}


@pytest.mark.parametrize("server", KINDS, indirect=True, scope="session")
def test_what_one_clone_pushes_another_lists_and_fetches(server: Server, bare: str, clone_of: CloneOf) -> None:
    ada, bob = clone_of(server, bare), clone_of(server, bare)
    first, second = ada.commit("first"), ada.commit("second")
    asked = [Update(BRANCH, first), Update(CODE, second), Update(INBOX, second, ABSENT)]
    assert ada.transport().push(asked) == {BRANCH: DONE, CODE: DONE, INBOX: DONE}
    there = {BRANCH: first, CODE: second, INBOX: second}
    assert at_server(server, bare) == there
    assert bob.transport().list() == there
    assert bob.transport().list(BRANCH, INBOXES) == {BRANCH: first, INBOX: second}
    assert bob.transport().fetch(SPECS) == there
    assert bob.repo.refs.read(COPY) == first
    assert bob.repo.refs.read(INBOX_COPIES.replace("*", "0123456789abcdef/runs")) == second
    assert bob.git("cat-file", "-p", f"{first}:payload") == "first"
    assert ada.transport().push([Update(BRANCH, first)]) == {BRANCH: UNCHANGED}


def test_a_copy_follows_a_replaced_reference_and_goes_with_a_deleted_one(
    server: Server, bare: str, clone_of: CloneOf
) -> None:
    ada, bob = clone_of(server, bare), clone_of(server, bare)
    first, second = ada.commit("first"), ada.commit("second")
    ada.transport().push([Update(BRANCH, first), Update(CODE, first), Update(INBOX, first), Update(OTHER_INBOX, first)])
    bob.transport().fetch(SPECS)
    bob.git("update-ref", "refs/remotes/origin/of-the-user", first)
    gone = {ref: Outcome(Status.DONE) for ref in (BRANCH, CODE, INBOX)}
    asked = [Update(BRANCH, second, first), Update(CODE, None, first), Update(INBOX, None, first)]
    assert ada.transport().push(asked) == gone
    assert bob.transport().fetch(SPECS) == {BRANCH: second, CODE: None, OTHER_INBOX: first}
    assert bob.repo.refs.names("refs/gtrack/") == [INBOX_COPIES.replace("*", "fedcba9876543210/runs")]
    assert bob.repo.refs.read("refs/remotes/origin/of-the-user") == first


@pytest.mark.parametrize("server", KINDS, indirect=True, scope="session")
def test_a_push_that_comes_second_is_told_so_and_lands_on_top(server: Server, bare: str, clone_of: CloneOf) -> None:
    ada, bob = clone_of(server, bare), clone_of(server, bare)
    base = ada.commit("base")
    ada.transport().push([Update(BRANCH, base)])
    bob.transport().fetch(SPECS)
    ours, theirs = ada.commit("ours", base), bob.commit("theirs", base)
    assert ada.transport().push([Update(BRANCH, ours)]) == {BRANCH: DONE}
    raced = bob.transport().push([Update(BRANCH, theirs), Update(INBOX, theirs)])
    assert (raced[BRANCH].status, raced[INBOX]) == (Status.RACED, DONE)
    bob.transport().fetch(SPECS)
    assert bob.transport().push([Update(BRANCH, theirs)])[BRANCH].status is Status.RACED
    assert bob.transport().push([Update(BRANCH, bob.commit("both", ours, theirs))]) == {BRANCH: DONE}


def test_nothing_is_replaced_or_deleted_that_moved_in_between(server: Server, bare: str, clone_of: CloneOf) -> None:
    ada, bob = clone_of(server, bare), clone_of(server, bare)
    first = ada.commit("first")
    second = ada.commit("second", first)
    ada.transport().push([Update(INBOX, first), Update(CODE, first)])
    bob.transport().fetch(SPECS)
    ada.transport().push([Update(INBOX, second)])
    asked = [
        Update(INBOX, None, first),
        Update(CODE, bob.commit("new"), ABSENT),
        Update(OTHER_INBOX, None, first),
    ]
    assert {outcome.status for outcome in bob.transport().push(asked).values()} == {Status.RACED}
    assert at_server(server, bare) == {INBOX: second, CODE: first}


def test_a_race_that_only_the_server_can_see_is_told(server: Server, bare: str, clone_of: CloneOf) -> None:
    """The reference moves after it was advertised: the hook is the other clone."""
    ada = clone_of(server, bare)
    first = ada.commit("first")
    second, other = ada.commit("second", first), ada.commit("other", first)
    ada.transport().push([Update(BRANCH, first), Update(CODE, other)])
    hook(server, bare, f"unset GIT_QUARANTINE_PATH; git update-ref {BRANCH} {other}")
    raced = ada.transport().push([Update(BRANCH, second)])[BRANCH]
    assert raced.status is Status.RACED, raced
    assert at_server(server, bare)[BRANCH] == other


def test_a_server_that_says_no_is_quoted_and_other_references_land(
    server: Server, bare: str, clone_of: CloneOf
) -> None:
    ada = clone_of(server, bare)
    ada.set("color.ui", "always")
    ada.set("color.remote", "always")
    first = ada.commit("first")
    text = 'test "$1" = refs/heads/gtrack || exit 0; printf "error: only \\033[31mbots\\033[0m\\nmay push\\n"; exit 1'
    hook(server, bare, text, kind="update")
    outcomes = ada.transport().push([Update(BRANCH, first), Update(CODE, first)])
    assert outcomes[CODE] == DONE
    assert (outcomes[BRANCH].status, outcomes[BRANCH].reason) == (Status.REFUSED, "hook declined")
    assert outcomes[BRANCH].said[:2] == ("error: only \\x1b[31mbots\\x1b[0m", "may push")


def test_a_servers_policy_is_a_refusal_and_no_race(server: Server, bare: str, clone_of: CloneOf) -> None:
    ada, old = clone_of(server, bare), "refs/heads/old"
    first, second = ada.commit("first"), ada.commit("second")
    ada.transport().push([Update(BRANCH, first), Update(old, first)])
    server.git(bare, "config", "receive.denyDeletes", "true")
    server.git(bare, "config", "receive.denyNonFastForwards", "true")
    outcomes = ada.transport().push([Update(BRANCH, second, first), Update(old, None, first)])
    assert {outcome.status for outcome in outcomes.values()} == {Status.REFUSED}, outcomes
    assert at_server(server, bare) == {BRANCH: first, old: first}


def test_a_copy_follows_a_push_where_git_itself_keeps_none(server: Server, bare: str, clone_of: CloneOf) -> None:
    ada = clone_of(server, bare)
    ada.set("remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main")
    first = ada.commit("first")
    ada.transport().push([Update(BRANCH, first, local=COPY), Update(CODE, first, local=CODE_COPY)])
    assert (ada.repo.refs.read(COPY), ada.repo.refs.read(CODE_COPY)) == (first, first)
    raced = ada.transport().push([Update(BRANCH, ada.commit("unrelated"), local=COPY)])
    assert raced[BRANCH].status is Status.RACED
    ada.transport().push([Update(CODE, None, first, local=CODE_COPY)])
    assert (ada.repo.refs.read(COPY), ada.repo.refs.read(CODE_COPY)) == (first, None)


def test_a_remote_that_is_gone_is_named(server: Server, bare: str, clone_of: CloneOf) -> None:
    ada = clone_of(server, bare)
    first = ada.commit("first")
    server.bare(bare).rename(server.bare(bare + "-moved"))
    for talk in everything(ada, first):
        with pytest.raises(NetworkError, match=r"no git repository at|does not let you") as caught:
            talk()
        assert caught.value.exit_code == 5
        assert caught.value.hint


# What is the user's stays as it is

SURPRISES = {
    "fetch.prune": "true",
    "fetch.pruneTags": "true",
    "remote.origin.prune": "true",
    "remote.origin.mirror": "true",
    "remote.origin.push": "+refs/heads/*:refs/heads/*",
    "remote.origin.tagOpt": "--tags",
    "remote.pushDefault": "nowhere",
    "push.default": "matching",
    "push.followTags": "true",
    "push.recurseSubmodules": "on-demand",
    "push.gpgSign": "true",
    "push.useForceIfIncludes": "true",
    "fetch.recurseSubmodules": "true",
    "submodule.recurse": "true",
    "transfer.fsckObjects": "true",
    "core.logAllRefUpdates": "always",
    "color.ui": "always",
    "color.remote": "always",
    "gc.auto": "1",
    "fetch.writeCommitGraph": "true",
}


@pytest.fixture
def team(server: Server, bare: str, clone_of: CloneOf) -> tuple[str, Clone]:
    """A repository with code, a tag and a gtrack branch; and the clone that pushed them."""
    ada = clone_of(server, bare)
    code = ada.commit("code", size=2000)
    older = [code := ada.commit(f"code {number}", code, size=2000) for number in range(3)]
    runs = ada.commit("runs 2", ada.commit("runs 1"))
    ada.git(
        "push",
        "-q",
        "origin",
        f"{code}:refs/heads/main",
        f"{runs}:{BRANCH}",
        f"{runs}:{CODE}",
        f"{older[0]}:refs/tags/v1",
    )
    return bare, ada


@pytest.mark.parametrize("options", [(), ("--depth=1",), ("--single-branch",), ("--filter=blob:none",), ("--bare",)])
def test_a_clone_stays_what_it_was(
    server: Server, team: tuple[str, Clone], clone_of: CloneOf, options: tuple[str, ...]
) -> None:
    """Full, shallow, partial, bare: HEAD, FETCH_HEAD, index, reflogs, tags, settings, other references stay."""
    name, ada = team
    older = ada.transport().list(BRANCH)[BRANCH]
    server.git(name, "config", "uploadpack.allowFilter", "true")
    url = server.url(name) if server.kind != "path" else f"file://{server.url(name)}"
    bob = clone_of(server, name, *options, url=url)
    if "--bare" in options:
        bob.git("config", "--add", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    bob.git("update-ref", "refs/remotes/origin/stale", bob.git("rev-parse", "HEAD"))
    bob.git("tag", "mine")
    tagged = bob.commit("tagged")
    bob.git("tag", "-a", "-m", "annotated", "annotated", tagged)
    if not options:
        bob.git("config", "--add", "remote.origin.fetch", "+refs/heads/*:refs/others/*")
    for key, value in SURPRISES.items():
        bob.git("config", key, value)
    stop_hooks(bob)
    bob.reopen()
    before = bob.user_state()
    newest = ada.commit(
        "runs 3", ada.git("rev-parse", "FETCH_HEAD") if False else bob.git("ls-remote", "origin", BRANCH)[:40]
    )
    ada.transport().push([Update(BRANCH, newest), Update("refs/tags/v2", newest)])
    assert bob.transport().fetch(SPECS)[BRANCH] == newest
    # Whole, in a partial clone too: nothing of it is missing, so nothing is fetched later.
    listed = bob.git("rev-list", "--objects", "--missing=print", newest, f"^{older}")
    assert len(listed.splitlines()) == 3
    assert "?" not in listed
    mine = bob.commit("mine", newest, tagged)
    assert bob.transport().push([Update(BRANCH, mine, local=COPY), Update(INBOX, mine)]) == {BRANCH: DONE, INBOX: DONE}
    assert bob.transport().push([Update(INBOX, None, mine)]) == {INBOX: DONE}
    assert bob.repo.refs.read(COPY) == mine
    assert bob.user_state() == before
    assert set(at_server(server, name)) == {"refs/heads/main", "refs/tags/v1", "refs/tags/v2", BRANCH, CODE}


def stop_hooks(clone: Clone) -> None:
    """Make every hook of a clone fail."""
    hooks = Path(clone.git("rev-parse", "--absolute-git-dir")) / "hooks"
    for name in ("pre-push", "reference-transaction", "pre-auto-gc"):
        (hooks / name).write_text("#!/bin/sh\necho refused by a hook of the clone >&2\nexit 1\n")
        (hooks / name).chmod(0o755)


def hook(server: Server, name: str, text: str, *, kind: str = "pre-receive") -> None:
    """Give a repository of the server a hook."""
    path = server.bare(name) / "hooks" / kind
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def everything(clone: Clone, commit: str, **settings: float) -> Iterator[Callable[[], object]]:
    """All that can be said to a remote."""
    transport = clone.transport(**settings)
    yield transport.list
    yield lambda: transport.fetch({BRANCH: COPY})
    yield lambda: transport.push([Update(BRANCH, commit)])
