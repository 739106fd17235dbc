"""Transport without the git executable: the same outcomes over paths and http, and a clear word where git is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clones import Clone
from servers import HOST, SERVERS, HttpServer, Server, free_port, make_bare, plain_path

from gtrack.branch.repository import Repository
from gtrack.branch.transport import ABSENT, Outcome, Status, Transport, Update
from gtrack.errors import AuthenticationError, GitError, NetworkError

BRANCH, CODE = "refs/heads/gtrack", "refs/gtrack/code"
INBOX, INBOXES = "refs/gtrack/inbox/0123456789abcdef/runs", "refs/gtrack/inbox/*"
SPECS = {BRANCH: "refs/remotes/origin/gtrack", CODE: "refs/gtrack/remotes/origin/code"}
SPECS |= {INBOXES: "refs/gtrack/remotes/origin/inbox/*"}
DONE, UNCHANGED = Outcome(Status.DONE), Outcome(Status.UNCHANGED)

CloneOf = Callable[..., Clone]


@pytest.fixture(params=["path", "http"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    with SERVERS[request.param](tmp_path / "served") as started:
        make_bare(started, "team")
        for hook in (started.bare("team") / "hooks").iterdir():
            hook.unlink()
        yield started


def without_git(clone: Clone) -> Transport:
    """What a machine without git talks to the remote with."""
    clone.repo.close()
    clone.repo = Repository(str(clone.path), {**clone.env, "PATH": "/nowhere"})
    assert clone.repo.git is None
    return clone.transport()


def there(server: Server) -> dict[str, str]:
    server.git("team", "fsck", "--full", "--strict", "--no-dangling")
    lines = server.git("team", "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split() for line in lines)  # type: ignore[arg-type]


def test_it_lists_fetches_and_pushes_as_git_does(server: Server, clone_of: CloneOf) -> None:
    ada, bob = clone_of(server, "team"), clone_of(server, "team")
    assert without_git(bob).list() == {}
    assert without_git(bob).fetch(SPECS) == {BRANCH: None, CODE: None}
    first = ada.commit("first", size=3000)
    second = ada.commit("second", first)
    asked = [Update(BRANCH, first), Update(CODE, second, local=SPECS[CODE]), Update(INBOX, second, ABSENT)]
    assert without_git(ada).push(asked) == {BRANCH: DONE, CODE: DONE, INBOX: DONE}
    assert there(server) == {BRANCH: first, CODE: second, INBOX: second}
    assert ada.repo.refs.read(SPECS[CODE]) == second
    assert without_git(bob).list(BRANCH) == {BRANCH: first}
    assert without_git(bob).fetch(SPECS) == {BRANCH: first, CODE: second, INBOX: second}
    bob.git("fsck", "--full", "--strict")
    assert without_git(ada).push([Update(BRANCH, second), Update(INBOX, None, second)]) == {BRANCH: DONE, INBOX: DONE}
    assert without_git(ada).push([Update(BRANCH, second)]) == {BRANCH: UNCHANGED}
    assert without_git(bob).fetch(SPECS) == {BRANCH: second, CODE: second}
    assert bob.repo.refs.names("refs/gtrack/remotes/origin/inbox/") == []
    assert without_git(bob).fetch(SPECS) == {BRANCH: second, CODE: second}


def test_it_overwrites_nothing_that_moved(server: Server, clone_of: CloneOf) -> None:
    ada, bob = clone_of(server, "team"), clone_of(server, "team")
    base = ada.commit("base")
    without_git(ada).push([Update(BRANCH, base), Update(INBOX, base)])
    without_git(bob).fetch(SPECS)
    ours, theirs = ada.commit("ours", base), bob.commit("theirs", base)
    without_git(ada).push([Update(BRANCH, ours), Update(INBOX, ours)])
    asked = [Update(BRANCH, theirs), Update(INBOX, None, base), Update(CODE, theirs, base)]
    assert {outcome.status for outcome in without_git(bob).push(asked).values()} == {Status.RACED}
    without_git(bob).fetch(SPECS)
    assert without_git(bob).push([Update(BRANCH, theirs)]) == {BRANCH: Outcome(Status.RACED, "non-fast-forward")}
    both = bob.commit("both", ours, theirs)
    assert without_git(bob).push([Update(BRANCH, both)]) == {BRANCH: DONE}
    assert there(server) == {BRANCH: both, INBOX: ours}


def test_a_shallow_clone_takes_part_and_stays_shallow(server: Server, clone_of: CloneOf) -> None:
    ada = clone_of(server, "team")
    code = ada.commit("code 2", ada.commit("code 1"))
    runs = ada.commit("runs")
    without_git(ada).push([Update("refs/heads/main", code), Update(BRANCH, runs)])
    url = server.url("team") if server.kind != "path" else f"file://{server.url('team')}"
    bob = clone_of(server, "team", "--depth=1", "--single-branch", url=url)
    before = bob.user_state()
    assert without_git(bob).fetch(SPECS)[BRANCH] == runs
    mine = bob.commit("mine", runs)
    assert without_git(bob).push([Update(BRANCH, mine)]) == {BRANCH: DONE}
    assert bob.user_state() == before
    assert there(server)[BRANCH] == mine


def test_a_server_that_says_no_is_quoted(tmp_path: Path, http: HttpServer, clone_of: CloneOf) -> None:
    make_bare(http, "team")
    hook = http.bare("team") / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho only bots may push >&2\nexit 1\n")
    hook.chmod(0o755)
    ada = clone_of(http, "team")
    refused = without_git(ada).push([Update(BRANCH, ada.commit("first"))])[BRANCH]
    assert refused == Outcome(Status.REFUSED, "pre-receive hook declined", ("only bots may push",))


def test_what_goes_wrong_has_the_same_sentences(http: HttpServer, clone_of: CloneOf) -> None:
    make_bare(http, "team")
    ada = clone_of(http, "team")
    http.login = ("ada", "hunter2")
    with pytest.raises(AuthenticationError, match="wants to know who you are"):
        without_git(ada).list()
    http.answer = 500
    with pytest.raises(NetworkError, match="is in trouble"):
        without_git(ada).list()
    http.answer = 404
    with pytest.raises(NetworkError, match="there is no git repository at"):
        without_git(ada).fetch(SPECS)
    ada.git("config", "remote.origin.url", f"http://{HOST}:{free_port()}/team.git")
    with pytest.raises(NetworkError, match="cannot be reached"):
        without_git(ada).push([Update(BRANCH, ada.commit("first"))])
    ada.git("config", "remote.origin.url", str(ada.path / "nowhere"))
    with pytest.raises(NetworkError, match="there is no git repository at"):
        without_git(ada).fetch(SPECS)


@pytest.mark.parametrize("url", ["ssh://host/team.git", "host:team.git", "git://host/team.git"])
def test_what_only_git_can_do_is_said(url: str, server: Server, clone_of: CloneOf) -> None:
    ada = clone_of(server, "team")
    ada.git("config", "remote.origin.url", url)
    with pytest.raises(GitError, match="which needs the git program") as caught:
        without_git(ada).list()
    assert caught.value.hint == "install git"


def test_hooks_at_a_path_are_not_passed_by(tmp_path: Path, clone_of: CloneOf) -> None:
    (tmp_path / "served").mkdir()
    with plain_path(tmp_path / "served") as server:
        make_bare(server, "team")
        ada = clone_of(server, "team")
        hook = server.bare("team") / "hooks/update"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        with pytest.raises(GitError, match="has hooks, and only the git program runs them"):
            without_git(ada).push([Update(BRANCH, ada.commit("first"))])
        assert there(server) == {}
