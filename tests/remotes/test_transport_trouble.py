"""Transport in trouble: a clear sentence, exit code 5, nothing damaged, and the next push completes."""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from clones import Clone
from servers import (
    HOST,
    SERVERS,
    HttpServer,
    Proxy,
    Server,
    cutting_proxy,
    free_port,
    make_bare,
    plain_path,
    run,
    small_disk,
    ssh_command,
    ssh_server,
)

from gtrack.branch.transport import Outcome, Status, Update
from gtrack.branch.transport_errors import explain
from gtrack.branch.transport_url import parse_url
from gtrack.errors import AuthenticationError, ConflictError, GtrackError, NetworkError, NotFoundError, UsageError

BRANCH, COPY = "refs/heads/gtrack", "refs/remotes/origin/gtrack"
DONE = Outcome(Status.DONE)
SECRET = "hunter2-s3cret"

CloneOf = Callable[..., Clone]


def everything(clone: Clone, **settings: float) -> Iterator[Callable[[], object]]:
    """All that can be said to a remote."""
    transport = clone.transport(**settings)
    commit = clone.commit("first")
    yield transport.list
    yield lambda: transport.fetch({BRANCH: COPY})
    yield lambda: transport.push([Update(BRANCH, commit)])


def complaints(clone: Clone, kind: type[GtrackError] = NetworkError, **settings: float) -> list[str]:
    """What everything fails with: of one class and exit code, with something to do, and without the secret."""
    found = []
    for talk in everything(clone, **settings):
        with pytest.raises(kind) as caught:
            talk()
        assert caught.value.exit_code == (5 if issubclass(kind, NetworkError) else 2)
        assert caught.value.hint
        assert SECRET not in str(caught.value)
        assert str(caught.value).isprintable()
        found.append(caught.value.message)
    return found


# Who may come in


def test_an_http_server_that_wants_a_password_gets_it_or_says_so(http: HttpServer, clone_of: CloneOf) -> None:
    ada = clone_of(http, _made(http))
    http.login = ("ada", SECRET)
    for message in complaints(ada, AuthenticationError):
        assert message.startswith(f"http://{HOST}:{http.port}/team.git wants to know who you are: ")
    http.user = "ada:wrong-" + SECRET + "@"
    ada.set("remote.origin.url", http.url("team"))
    for message in complaints(ada, AuthenticationError):
        assert message.endswith(f"Authentication failed for 'http://{HOST}:{http.port}/team.git/'")
    http.user = f"ada:{SECRET}@"
    ada.set("remote.origin.url", http.url("team"))
    assert ada.transport().push([Update(BRANCH, ada.commit("in"))]) == {BRANCH: DONE}
    (http.bare("team") / "hooks/update").write_text(f"#!/bin/sh\necho you are ada, {SECRET}\nexit 1\n")
    (http.bare("team") / "hooks/update").chmod(0o755)
    refused = ada.transport().push([Update("refs/heads/other", ada.commit("other"))])
    assert refused["refs/heads/other"].said[0] == "you are ada, ***"


def test_a_program_that_answers_for_the_user_is_asked_and_a_window_is_not(
    http: HttpServer, clone_of: CloneOf, tmp_path: Path
) -> None:
    ada = clone_of(http, _made(http))
    http.login = ("ada", SECRET)
    answers = tmp_path / "answers"
    answers.write_text(f'#!/bin/sh\ncase "$1" in Username*) echo ada;; *) echo {SECRET};; esac\n')
    answers.chmod(0o755)
    window = tmp_path / "window"
    window.write_text(f"#!/bin/sh\ntouch {tmp_path}/opened\nexec {answers}\n")
    window.chmod(0o755)
    ada.env |= {"SSH_ASKPASS": str(window), "DISPLAY": ":0"}
    ada.reopen()
    complaints(ada, AuthenticationError)
    assert not (tmp_path / "opened").exists()
    ada.env["GIT_ASKPASS"] = str(answers)
    ada.reopen()
    assert ada.transport().push([Update(BRANCH, ada.commit("in"))]) == {BRANCH: DONE}


ASKS = """\
import os, sys
from gtrack.branch.repository import Repository
from gtrack.branch.transport import Transport
with Repository(sys.argv[1], os.environ) as repo:
    print(Transport(repo, "origin", interactive=True).list())
"""


def test_a_person_at_a_terminal_is_asked(http: HttpServer, clone_of: CloneOf) -> None:
    ada = clone_of(http, _made(http))
    ada.transport().push([Update(BRANCH, commit := ada.commit("in"))])
    http.login = ("ada", SECRET)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", ASKS, str(ada.path)], ada.env)
    try:
        _until(terminal, b"Username for")
        os.write(terminal, b"ada\n")
        _until(terminal, b"Password for")
        os.write(terminal, SECRET.encode() + b"\n")
        assert SECRET.encode() not in _until(terminal, commit.encode())
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def _until(terminal: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        assert select.select([terminal], [], [], 30)[0], seen
        seen += os.read(terminal, 4096)
    return seen


def test_an_ssh_server_that_does_not_know_the_key_or_is_not_known_says_so(tmp_path: Path, clone_of: CloneOf) -> None:
    root = tmp_path / "served"
    root.mkdir()
    with ssh_server(root) as server:
        ada = clone_of(server, _made(server))
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other"))
        ada.env["GIT_SSH_COMMAND"] = ssh_command(tmp_path / "other", root / ".ssh/known")
        ada.reopen()
        for message in complaints(ada, AuthenticationError):
            assert "wants to know who you are" in message
            assert message.endswith("Permission denied (publickey).")
        ada.env["GIT_SSH_COMMAND"] = ssh_command(root / ".ssh/user", tmp_path / "nobody-known")
        ada.reopen()
        for message in complaints(ada, AuthenticationError):
            assert message == f"the host key of {HOST} is not known, or has changed"


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (403, AuthenticationError, "does not let you do that"),
        (404, NetworkError, "there is no git repository at"),
        (429, NetworkError, "asks for fewer requests"),
        (500, NetworkError, "is in trouble"),
        (503, NetworkError, "is in trouble"),
        (200, NetworkError, "does not speak as a git server does"),
    ],
)
def test_every_answer_of_an_http_server_has_its_sentence(
    http: HttpServer, clone_of: CloneOf, status: int, kind: type[NetworkError], words: str
) -> None:
    ada = clone_of(http, _made(http))
    http.answer = status
    assert all(words in message for message in complaints(ada, kind))


def test_one_who_may_only_read_is_told_when_he_writes(http: HttpServer, clone_of: CloneOf) -> None:
    ada = clone_of(http, _made(http))
    http.refuses_writes = True
    assert ada.transport().fetch({BRANCH: COPY}) == {BRANCH: None}
    with pytest.raises(AuthenticationError, match="does not let you do that"):
        ada.transport().push([Update(BRANCH, ada.commit("no"))])


# What is not there


@pytest.mark.parametrize("scheme", ["git", "http", "ssh"])
def test_a_server_that_is_down_cannot_be_reached(scheme: str, lone: Clone) -> None:
    lone.set("remote.origin.url", f"{scheme}://{HOST}:{free_port()}/team.git")
    assert all("cannot be reached" in message for message in complaints(lone))


@pytest.mark.parametrize("scheme", ["git", "http", "ssh"])
def test_a_name_that_means_nothing_is_named(scheme: str, lone: Clone) -> None:
    host = "a" * 64 + ".invalid"  # No resolver asks for a label of more than 63 characters.
    lone.set("remote.origin.url", f"{scheme}://{host}/team.git")
    assert {f"the name of the host {host} could not be resolved"} == set(complaints(lone))


def test_a_remote_that_was_never_added_is_not_found(lone: Clone) -> None:
    with pytest.raises(NotFoundError, match="there is no remote 'nowhere'"):
        lone.transport("nowhere").list()


@pytest.mark.parametrize("name", ["", "-x", "--upload-pack=touch x", "a b", "a\nb", "a=b", "\x1b[2J"])
def test_a_name_that_git_would_misread_is_refused(name: str, lone: Clone) -> None:
    with pytest.raises(UsageError, match="is not the name of a remote"):
        lone.transport(name)


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% OPENED",
        "fd::17",
        "-oProxyCommand=touch OPENED:x",
        "ssh://-oProxyCommand=touch OPENED/x",
        "ssh://user@-oProxyCommand=touch OPENED/x",
        "-x@host:path",
        "user@-oProxyCommand=x:path",
        "ssh://[-oProxyCommand=touch OPENED]/x",
        "--upload-pack=touch OPENED",
        "http://host/a\nb",
    ],
)
def test_a_url_that_runs_something_is_refused(url: str, lone: Clone) -> None:
    lone.set("remote.origin.url", url.replace("OPENED", str(lone.path / "opened")))
    for talk in everything(lone):
        with pytest.raises(UsageError) as caught:
            talk()
        assert str(caught.value).isprintable()
    assert not (lone.path / "opened").exists()


def test_a_url_is_judged_as_git_rewrites_it(lone: Clone) -> None:
    lone.set("url.ext::sh -c touch% OPENED%.insteadOf".replace("OPENED", str(lone.path / "opened")), "team:")
    lone.set("remote.origin.url", "team:x")
    with pytest.raises(UsageError, match="'ext', a protocol that is not allowed"):
        lone.transport().list()
    assert not (lone.path / "opened").exists()


def test_a_protocol_that_the_user_forbids_is_not_used_and_one_he_allows_is(lone: Clone) -> None:
    lone.set("protocol.file.allow", "never")
    with pytest.raises(UsageError, match="'file', a protocol that is not allowed"):
        lone.transport().list()
    lone.set("protocol.file.allow", "user")
    assert lone.transport().list() == {}
    lone.set("remote.origin.url", f"ext::git %s {lone.path.parent}/served/team.git")
    lone.set("protocol.ext.allow", "always")
    assert lone.transport().list() == {}


# What breaks in between

OFFSETS = {"git": 6, "http": 6, "ssh": 2}
"""How many places a connection is cut at, in each direction; the soak test takes ten times as many."""


# Whole pushes over http are cut in test_sharing_failures.
LINES = ("git", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("http", "ssh")))


@pytest.fixture(scope="module", params=LINES)
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with SERVERS[request.param](tmp_path_factory.mktemp("served")) as server, cutting_proxy(server) as started:
        yield started


@pytest.fixture
def proxy(line: Proxy) -> Proxy:
    """A line to a server of each kind, whole as yet."""
    line.heal()
    return line


def check_cuts(proxy: Proxy, clone_of: CloneOf, count: int) -> None:
    """Cut a push, then a fetch, at places spread over all that a whole one carries."""
    name = f"cut-{count}"
    make_bare(proxy, name)
    ada, bob = clone_of(proxy, name), clone_of(proxy, name)
    tip = ada.commit("first", size=3000)
    proxy.heal()
    assert ada.transport().push([Update(BRANCH, tip)]) == {BRANCH: DONE}
    sent = [max(carried, 1) for carried in proxy.carried]
    proxy.heal()
    assert bob.transport().fetch({BRANCH: COPY}) == {BRANCH: tip}
    fetched = [max(carried, 1) for carried in proxy.carried]
    broken = 0
    for direction, number in [(direction, number) for number in range(count) for direction in (0, 1)]:
        tip = ada.commit(f"{direction} {number}", tip, size=3000)
        cut_at(proxy, direction, sent[direction] * number // count)
        try:
            ada.transport().push([Update(BRANCH, tip)])
        except NetworkError as error:
            check_broken_off(error, "gtrack push")
            broken += 1
        # No reference leads to what did not arrive.
        proxy.git(name, "fsck", "--full", "--strict")
        proxy.heal()
        assert ada.transport().push([Update(BRANCH, tip)])[BRANCH].status in (Status.DONE, Status.UNCHANGED)
        cut_at(proxy, direction, fetched[direction] * number // count)
        try:
            bob.transport().fetch({BRANCH: COPY})
        except NetworkError as error:
            check_broken_off(error, "gtrack pull")
            broken += 1
        proxy.heal()
        bob.git("fsck", "--full", "--strict")
        assert bob.transport().fetch({BRANCH: COPY}) == {BRANCH: tip}
    # The last bytes may be cut without anybody missing them.
    assert broken >= count * 2
    assert ada.git("rev-list", "--count", tip) == str(2 * count + 1)


def cut_at(proxy: Proxy, direction: int, offset: int) -> None:
    if direction:
        proxy.cut(to_client=offset)
    else:
        proxy.cut(to_server=offset)


def check_broken_off(error: NetworkError, hint: str) -> None:
    assert type(error) is NetworkError, error
    assert "broke off" in error.message, error
    assert hint in str(error.hint)


def test_a_line_that_breaks_damages_nothing_and_the_next_push_completes(proxy: Proxy, clone_of: CloneOf) -> None:
    check_cuts(proxy, clone_of, OFFSETS[proxy.kind])


@pytest.mark.soak
def test_a_line_that_breaks_anywhere_damages_nothing(proxy: Proxy, clone_of: CloneOf) -> None:
    check_cuts(proxy, clone_of, OFFSETS[proxy.kind] * 10)


def test_a_line_that_stands_still_is_given_up_and_leaves_no_process(proxy: Proxy, clone_of: CloneOf) -> None:
    make_bare(proxy, "still")
    ada = clone_of(proxy, "still")
    ada.env["GTRACK_TESTS_MARK"] = mark = f"still-{proxy.kind}-{os.getpid()}"
    ada.reopen()
    for offset in (0, 40):
        proxy.stall(to_client=offset)
        for message in complaints(ada, stall=0.3):
            assert "gave" in message or "given up" in message or "in time" in message
    proxy.heal()
    assert ada.transport().push([Update(BRANCH, ada.commit("last"))]) == {BRANCH: DONE}
    check_gone(mark)


def test_a_server_that_talks_for_ever_is_given_up(lone: Clone) -> None:
    lone.env["GTRACK_TESTS_MARK"] = mark = f"talks-{os.getpid()}"
    lone.reopen()
    hook = lone.path.parent / "served/team.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\nwhile echo working; do sleep 0.02; done\n")
    hook.chmod(0o755)
    with pytest.raises(NetworkError, match=r"took longer than 0\.5 s and was given up"):
        lone.transport(timeout=0.5).push([Update(BRANCH, lone.commit("first"))])
    check_gone(mark)


LISTS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + ASKS.replace(
    "interactive=True", "interactive=bool(sys.argv[2:])"
)


@pytest.mark.parametrize("interactive", [False, True])
def test_ctrl_c_ends_git_and_its_helpers(lone: Clone, interactive: bool) -> None:
    mark = f"interrupted-{interactive}-{os.getpid()}"
    with socket.create_server((HOST, 0)) as silent:
        lone.set("remote.origin.url", f"http://{HOST}:{silent.getsockname()[1]}/team.git")
        command = [sys.executable, "-c", LISTS, str(lone.path), *(["ask"] if interactive else [])]
        env = {**lone.env, "GTRACK_TESTS_MARK": mark}
        started = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, start_new_session=True)
        with started as process, silent.accept()[0]:
            assert len(marked(mark)) > 1
            process.send_signal(signal.SIGINT)
            assert b"KeyboardInterrupt" in process.communicate()[1]
    check_gone(mark)


def test_a_full_disk_here_is_not_blamed_on_the_remote() -> None:
    said = "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\n"
    assert explain("fetch", "origin", parse_url(f"git://{HOST}/team.git"), said) is None
    assert "could not store" in str(explain("push", "origin", parse_url(f"git://{HOST}/team.git"), said))


def test_a_copy_that_stays_locked_is_named(lone: Clone) -> None:
    lone.transport().push([Update(BRANCH, commit := lone.commit("first"))])
    lone.git("update-ref", "-d", COPY)
    lock = lone.path / ".git" / f"{COPY}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    with pytest.raises(ConflictError, match=r"stayed locked: .*gtrack\.lock"):
        lone.transport().fetch({BRANCH: COPY})
    lock.unlink()
    assert lone.transport().fetch({BRANCH: COPY}) == {BRANCH: commit}


def test_a_full_disk_of_the_server_is_named_and_the_push_completes_when_there_is_room(
    tmp_path: Path, clone_of: CloneOf
) -> None:
    with small_disk(tmp_path) as (server, disk):
        ada = clone_of(server, _made(server))
        tip = ada.commit("first", size=100_000)
        assert ada.transport().push([Update(BRANCH, tip)]) == {BRANCH: DONE}
        new = ada.commit("second", tip, size=100_000)
        for room in (0, 4096, 16384, 65536):
            disk.fill(room)
            with pytest.raises(NetworkError, match=r"could not store the objects: .*No space left") as caught:
                ada.transport().push([Update(BRANCH, new)])
            assert caught.value.hint == "make room there, then: gtrack push"
            disk.empty()
            server.git("team", "fsck", "--full", "--strict")
        assert ada.transport().push([Update(BRANCH, new)]) == {BRANCH: DONE}


def check_gone(mark: str) -> None:
    """Assert that all processes that carry a mark end, as the killed do."""
    assert psutil.wait_procs(marked(mark), timeout=10)[1] == []


def marked(mark: str) -> list[psutil.Process]:
    """The processes that carry a mark in their environment and have not ended."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("GTRACK_TESTS_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _made(server: Server) -> str:
    make_bare(server, "team")
    return "team"


@pytest.fixture
def lone(tmp_path: Path, clone_of: CloneOf) -> Clone:
    """A clone of an empty repository at a path."""
    (tmp_path / "served").mkdir()
    with plain_path(tmp_path / "served") as server:
        return clone_of(server, _made(server))
