"""Real git servers on the loopback, and what goes wrong between them and a client.

Each is a context manager that yields a :class:`Server` and leaves no process behind::

    with git_daemon(root) as server:                    # or smart_http(root), ssh_server(root), plain_path(root)
        make_bare(server, "team")
        subprocess.run(["git", "clone", server.url("team")], env={**os.environ, **server.env})
        with cutting_proxy(server) as proxy:            # is a Server too
            proxy.cut(to_client=1000)
"""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import pwd
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

KINDS = ("path", "git", "http", "ssh")
HOST = "127.0.0.1"
_CONNECTIONS = 512
_PATIENCE = 20.0


class Server:
    """A git server, seen from a client.

    Attributes:
        kind: One of :data:`KINDS`.
        root: The directory whose repositories it serves.
        port: Where it listens; 0 for plain paths.
        env: What a client's environment needs to reach it.
        user: ``user:password@`` for URLs, or nothing.
        join: A command that runs another where the server sees its files.
    """

    def __init__(self, kind: str, root: Path, port: int = 0, env: dict[str, str] | None = None) -> None:
        self.kind = kind
        self.root = root
        self.port = port
        self.env = env or {}
        self.user = ""
        self.join: tuple[str, ...] = ()

    def url(self, name: str) -> str:
        """Return the URL of ``<root>/<name>.git``."""
        if self.kind == "path":
            return str(self.root / f"{name}.git")
        path = f"{self.root}/{name}.git" if self.kind == "ssh" else f"/{name}.git"
        user = f"{pwd.getpwuid(os.geteuid()).pw_name}@" if self.kind == "ssh" else self.user
        return f"{self.kind}://{user}{HOST}:{self.port}{path}"

    def bare(self, name: str) -> Path:
        """Return where the repository is."""
        return self.root / f"{name}.git"

    def git(self, name: str, *args: str) -> str:
        """Run git in a repository of the server."""
        return run(*self.join, "git", "-C", str(self.bare(name)), *args)


def make_bare(server: Server, name: str, *options: str) -> str:
    """Make an empty repository and return its URL."""
    run(*server.join, "git", "init", "-q", "--bare", *options, str(server.bare(name)))
    return server.url(name)


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None, feed: bytes = b"") -> str:
    """Run a command that succeeds and return what it printed."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, input=feed, capture_output=True, check=False
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


@contextlib.contextmanager
def plain_path(root: Path) -> Iterator[Server]:
    """Serve a directory as what it is."""
    yield Server("path", root)


@contextlib.contextmanager
def git_daemon(root: Path) -> Iterator[Server]:
    """Run ``git daemon``, which anybody may push to."""
    program = Path(run("git", "--exec-path")) / "git-daemon"
    if not program.exists():
        pytest.skip("git has no git-daemon here")

    def command(port: int) -> list[str]:
        limits = [f"--max-connections={_CONNECTIONS}", "--enable=receive-pack", "--export-all", "--reuseaddr"]
        return [str(program), *limits, f"--listen={HOST}", f"--port={port}", f"--base-path={root}", str(root)]

    with _listening(command) as port:
        yield Server("git", root, port)


@contextlib.contextmanager
def ssh_server(root: Path) -> Iterator[Server]:
    """Run ``sshd`` with keys and settings of its own; the client's ssh is set through ``GIT_SSH_COMMAND``."""
    program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None or shutil.which("ssh") is None:
        pytest.skip("there is no sshd, or no ssh: apt-get install openssh-server openssh-client")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    home = root / ".ssh"
    home.mkdir(mode=0o700)
    for name in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "gtrack tests", "-f", str(home / name))
    shutil.copy(home / "user.pub", home / "authorized")
    (home / "known").write_text("gtrack-tests " + (home / "host.pub").read_text())
    variables = [f"{name}={os.environ[name]}" for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")]

    def command(port: int) -> list[str]:
        (home / "sshd_config").write_text(
            f"ListenAddress {HOST}\nPort {port}\nHostKey {home}/host\nAuthorizedKeysFile {home}/authorized\n"
            "PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"PermitRootLogin prohibit-password\nMaxStartups {_CONNECTIONS}\nMaxSessions {_CONNECTIONS}\n"
            f"LogLevel ERROR\nSetEnv {' '.join(variables)}\nAcceptEnv GIT_PROTOCOL\n"
        )
        return [program, "-D", "-e", "-f", str(home / "sshd_config")]

    with _listening(command) as port:
        yield Server("ssh", root, port, {"GIT_SSH_COMMAND": ssh_command(home / "user", home / "known")})


def ssh_command(key: Path, known: Path) -> str:
    """Return an ssh that uses one key, and trusts the hosts of one file."""
    options = ["IdentitiesOnly=yes", "HostKeyAlias=gtrack-tests", "StrictHostKeyChecking=yes", "LogLevel=ERROR"]
    return " ".join(["ssh -F none", f"-i {key}", f"-o UserKnownHostsFile={known}", *(f"-o {o}" for o in options)])


@contextlib.contextmanager
def _listening(command: Callable[[int], list[str]]) -> Iterator[int]:
    """Run a server on a free port; it and its children are gone afterwards."""
    for _ in range(5):
        port = free_port()
        process = subprocess.Popen(
            command(port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None
        with process:
            if _answers(process, port):
                drain = threading.Thread(target=process.stderr.read)
                drain.start()
                try:
                    yield port
                finally:
                    stop(process)
                    drain.join()
                return
            stop(process)
            complaint = process.stderr.read()
    raise AssertionError(f"{command(0)} does not listen: {complaint!r}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Tell whether a server listens before it ends."""
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return True
        time.sleep(0.01)
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session, with all that it started, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


class HttpServer(Server):
    """Smart HTTP through ``git http-backend``.

    Attributes:
        login: The (user, password) it asks for, or None; change it at any time.
        answer: A status that it answers to every request instead, or None; change it at any time.
        refuses_writes: Answer 403 to pushes.
    """

    login: tuple[str, str] | None = None
    answer: int | None = None
    refuses_writes = False


@contextlib.contextmanager
def smart_http(root: Path, *, join: tuple[str, ...] = ()) -> Iterator[HttpServer]:
    """Run an HTTP server on top of ``git http-backend`` (CGI).

    Args:
        root: What it serves.
        join: A command that runs another where the repositories are seen, such as ``nsenter ...``.
    """
    if not (Path(run("git", "--exec-path")) / "git-http-backend").exists():
        pytest.skip("git has no http-backend here")
    seen = HttpServer("http", root)
    seen.join = join
    with _QuietServer((HOST, 0), functools.partial(_Cgi, seen=seen)) as server:
        seen.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()
            server.hang_up()


class _QuietServer(ThreadingHTTPServer):
    request_queue_size = _CONNECTIONS
    # Clients that go away in the middle are what these tests are about.
    daemon_threads = False

    def __init__(self, *args: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep open."""
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None: ...


class _Cgi(BaseHTTPRequestHandler):
    """One request, answered by git http-backend (RFC 3875)."""

    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE

    def __init__(self, *args: Any, seen: HttpServer) -> None:
        self.seen = seen
        super().__init__(*args)

    def log_message(self, *args: object) -> None: ...

    def do_GET(self) -> None:
        body = self._body()
        path, _, query = self.path.partition("?")
        writes = "receive-pack" in self.path
        if self.seen.answer is not None:
            self._send(self.seen.answer, [], b"no\n")
        elif self.seen.login is not None and not self._may_enter():
            self._send(401, [("WWW-Authenticate", 'Basic realm="tests"')], b"who are you?\n")
        elif writes and self.seen.refuses_writes:
            self._send(403, [], b"no\n")
        else:
            self._send(*self._backend(path, query, body))

    def do_POST(self) -> None:
        self.do_GET()

    def _may_enter(self) -> bool:
        expected = base64.b64encode(":".join(self.seen.login or ()).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _backend(self, path: str, query: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        env = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.seen.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "tests",
            "REMOTE_ADDR": HOST,
        }
        done = subprocess.run(
            [*self.seen.join, "git", "http-backend"], input=body, env=env, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        parts = [line.partition(":") for line in head.decode().split("\r\n")]
        headers = [(name, value.strip()) for name, _, value in parts]
        status = next((value for name, value in headers if name == "Status"), "200")
        return int(status.split()[0]), [(name, value) for name, value in headers if name not in ("Status", "")], content

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Proxy(Server):
    """A line to another server that breaks when told to; changes hold for connections made from then on.

    Attributes:
        carried: Bytes carried (to the server, to the client) since the last change.
        connections: How many were made since the last change.
    """

    def __init__(self, target: Server, port: int) -> None:
        super().__init__(target.kind, target.root, port, target.env)
        self.target = target
        self.user = target.user
        self.heal()

    def heal(self) -> None:
        """Carry everything."""
        self._plan(None, None, "cut")

    def cut(self, *, to_server: int | None = None, to_client: int | None = None) -> None:
        """Break the line, as a failing network does, once so many bytes were carried in a direction."""
        self._plan(to_server, to_client, "cut")

    def stall(self, *, to_server: int | None = None, to_client: int | None = None) -> None:
        """Carry nothing more in either direction once so many bytes were carried, and keep the line open."""
        self._plan(to_server, to_client, "stall")

    def _plan(self, to_server: int | None, to_client: int | None, then: str) -> None:
        self.left = [to_server, to_client]
        self.then = then
        self.carried = [0, 0]
        self.connections = 0
        self.broken = threading.Event()


@contextlib.contextmanager
def cutting_proxy(target: Server) -> Iterator[Proxy]:
    """Listen on another port and carry everything to a server, until told otherwise."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0), backlog=_CONNECTIONS))
        wake, woken = map(stack.enter_context, socket.socketpair())
        proxy = Proxy(target, listener.getsockname()[1])
        lines: list[threading.Thread] = []

        def accept() -> None:
            while woken not in (ready := select.select([listener, woken], [], [])[0]):
                assert ready
                client = listener.accept()[0]
                lines.append(threading.Thread(target=_carry, args=(proxy, client, woken)))
                lines[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield proxy
        finally:
            wake.sendall(b"x")
            for thread in (acceptor, *lines):
                thread.join()


def _carry(proxy: Proxy, client: socket.socket, woken: socket.socket) -> None:
    """Carry one connection until an end closes it, the plan breaks it, or the proxy ends."""
    proxy.connections += 1
    with client, socket.create_connection((HOST, proxy.target.port)) as server:
        ends = [client, server]
        while ends and woken not in (ready := select.select([*ends, woken], [], [])[0]):
            for end in ready:
                if not _carry_some(proxy, end, server if end is client else client, direction=int(end is server)):
                    ends.remove(end)
                if proxy.broken.is_set():
                    return _break(proxy, (client, server), woken)
    return None


def _carry_some(proxy: Proxy, source: socket.socket, sink: socket.socket, *, direction: int) -> bool:
    """Carry what is there; return whether that end may send more."""
    left = proxy.left[direction]
    try:
        data = source.recv(1 << 16)
        carried = data if left is None else data[:left]
        sink.sendall(carried)
        if not data:
            sink.shutdown(socket.SHUT_WR)
    except OSError:
        return False
    proxy.carried[direction] += len(carried)
    if left is not None:
        proxy.left[direction] = left - len(carried)
        if len(data) > len(carried) or left == len(carried):
            proxy.broken.set()
    return bool(data)


def _break(proxy: Proxy, ends: tuple[socket.socket, socket.socket], woken: socket.socket) -> None:
    if proxy.then == "stall":
        # Until the client gives up: it says so by closing its end.
        client = ends[0]
        while woken not in (ready := select.select([client, woken], [], [])[0]):
            assert ready
            try:
                if not client.recv(1 << 16):
                    return
            except OSError:
                return
        return
    for end in ends:
        # Reset rather than closed in good order.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Disk:
    """A small disk that is seen by those alone who join its namespace."""

    def __init__(self, path: Path, pid: int) -> None:
        self._filling = Path(f"/proc/{pid}/root{path}/filling")

    def fill(self, room: int) -> None:
        """Leave so many bytes, a multiple of 4,096."""
        with self._filling.open("wb", 0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        os.truncate(self._filling, max(0, self._filling.stat().st_size // 4096 * 4096 - room))

    def empty(self) -> None:
        """Take the filling away."""
        self._filling.unlink()


@contextlib.contextmanager
def small_disk(root: Path, *, size: str = "2m") -> Iterator[tuple[HttpServer, Disk]]:
    """Serve by http what lies on a tmpfs in a mount namespace of its own, and is gone with it.

    Not by ``git daemon``: a server that stops reading may reset the connection before its last words have arrived.
    """
    if not all(map(shutil.which, ("unshare", "nsenter", "mount"))):
        pytest.skip("there is no unshare, nsenter or mount: apt-get install util-linux")
    users, joined = ([], []) if os.geteuid() == 0 else (["-U", "-r"], ["-U", "--preserve-credentials"])
    place = root / "disk"
    place.mkdir()
    # What holds the namespace lives until its standard input is closed, as the end of the block does.
    script = f'mount -t tmpfs -o size={size} none "$0" && echo $$ && exec cat'
    command = ["unshare", *users, "-m", "--propagation", "private", "sh", "-c", script, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
        assert holder.stdout is not None
        pid = holder.stdout.readline().decode().strip()
        if not pid:
            pytest.skip("this user may not mount: needs root, or user namespaces")
        with smart_http(place, join=("nsenter", "-t", pid, *joined, "-m")) as server:
            yield server, Disk(place, int(pid))


SERVERS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Server]]] = {
    "path": plain_path,
    "git": git_daemon,
    "http": smart_http,
    "ssh": ssh_server,
}
