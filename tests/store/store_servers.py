"""Real stores on the loopback: moto's S3 in a process of its own, sshd, a folder; and a line to them that breaks."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gtrack.store.url import Location, parse_location

HOST = "127.0.0.1"
BUCKET = "team-store"
KINDS = ("file", "s3", "sftp")
_PATIENCE = 60.0


class StoreServer:
    """A store's server.

    Attributes:
        kind: One of :data:`KINDS`.
        port: Where it listens; 0 for a folder.
        env: What a client's environment needs.
        root: A folder for stores, where the server has folders.
    """

    def __init__(self, kind: str, root: Path, port: int = 0, env: dict[str, str] | None = None) -> None:
        self.kind = kind
        self.root = root
        self.port = port
        self.env = env or {}

    def location(self, name: str, port: int | None = None) -> Location:
        """Return the store of a name, which each test makes up for itself."""
        port = port or self.port
        if self.kind == "s3":
            return parse_location(f"s3://{BUCKET}/{name}", {"endpoint_url": f"http://{HOST}:{port}"})
        if self.kind == "az":
            return parse_location(f"az://{BUCKET}/{name}")
        if self.kind == "sftp":
            user = pwd.getpwuid(os.geteuid()).pw_name
            return parse_location(f"sftp://{user}@{HOST}:{port}{self.root}/{name}")
        return parse_location(f"{self.root}/{name}")


@contextlib.contextmanager
def folder(root: Path) -> Iterator[StoreServer]:
    """A folder is its own server."""
    yield StoreServer("file", root)


@contextlib.contextmanager
def moto(root: Path) -> Iterator[StoreServer]:
    """Run moto's S3 (https://docs.getmoto.org/en/latest/docs/server_mode.html) with one bucket."""
    for module in ("moto", "flask", "flask_cors", "s3fs"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install s3fs 'moto[s3]' flask flask-cors")
    env = {
        "AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    command = [sys.executable, "-c", _MOTO, str(free_port())]
    with _listening(command, int(command[-1]), {**os.environ, **env}):
        server = StoreServer("s3", root, int(command[-1]), env)
        make_bucket(server)
        yield server


_MOTO = """
import logging, random, sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple
logging.getLogger("werkzeug").disabled = True
WSGIRequestHandler.protocol_version = "HTTP/1.1"
moto = DomainDispatcherApplication(create_backend_app)
chance = random.Random(11)
BUSY = b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"

def application(environ, start_response):
    def start(status, headers, exc_info=None):  # werkzeug names itself too, and strict clients refuse two of them
        return start_response(status, [(n, v) for n, v in headers if n.lower() not in ("server", "date")], exc_info)
    if "/shaky-" in environ["PATH_INFO"] and chance.random() < 0.05:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start("500 Internal Server Error", [("Content-Type", "application/xml"), ("Content-Length", str(len(BUSY)))])
        return [BUSY]
    return moto(environ, start)

run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
"""
"""Of the requests to stores whose name begins with ``shaky-``, one in twenty fails."""


def make_bucket(server: StoreServer) -> None:
    import http.client

    connection = http.client.HTTPConnection(HOST, server.port)
    connection.request("PUT", f"/{BUCKET}")
    assert connection.getresponse().read() is not None
    connection.close()


@contextlib.contextmanager
def sshd(root: Path) -> Iterator[StoreServer]:
    """Run ``sshd`` with keys and settings of its own, and let ``~/.ssh`` of these tests know it."""
    program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("there is no sshd: apt-get install openssh-server")
    if importlib.util.find_spec("sshfs") is None:
        pytest.skip("sshfs is not installed: pip install sshfs")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    keys = root / "keys"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "gtrack tests", "-f", str(keys / name)]
        subprocess.run(command, check=True)
    shutil.copy(keys / "user.pub", keys / "authorized")
    port = free_port()
    (keys / "config").write_text(
        f"ListenAddress {HOST}\nPort {port}\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized\n"
        "PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\nMaxStartups 100\nLogLevel ERROR\nSubsystem sftp internal-sftp\n"
    )
    ssh = Path(os.environ["HOME"]) / ".ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    (ssh / "config").write_text(f"IdentityFile {keys}/user\nHostKeyAlias gtrack-tests\nIdentitiesOnly yes\n")
    (ssh / "known_hosts").write_text("gtrack-tests " + (keys / "host.pub").read_text())
    with _listening([program, "-D", "-e", "-f", str(keys / "config")], port, dict(os.environ)):
        yield StoreServer("sftp", root, port)


@contextlib.contextmanager
def azurite(root: Path) -> Iterator[StoreServer]:
    """Run Azurite's blobs (npm install azurite) with one container."""
    program = shutil.which("azurite-blob")
    if program is None or importlib.util.find_spec("adlfs") is None:
        pytest.skip("azurite-blob or adlfs is not installed: npm install -g azurite; pip install adlfs")
    port = free_port()
    # Azurite's well-known account: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    account = "devstoreaccount1"
    address = f"BlobEndpoint=http://{HOST}:{port}/{account};"
    connection = f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};{address}"
    switches = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "-l", str(root)]
    with _listening([program, "--blobHost", HOST, "--blobPort", str(port), *switches], port, dict(os.environ)):
        from azure.storage.blob import BlobServiceClient

        with BlobServiceClient.from_connection_string(connection) as client:
            client.create_container(BUCKET)
        yield StoreServer("az", root, port, {"AZURE_STORAGE_CONNECTION_STRING": connection})


SERVERS = {"file": folder, "s3": moto, "sftp": sshd, "az": azurite}


@contextlib.contextmanager
def unreliable(server: StoreServer, life: int, seed: int) -> Iterator[int]:
    """Listen on another port; each connection breaks after a random number of bytes.

    Args:
        server: Where to.
        life: How many, in the mean.
        seed: Which numbers.

    Yields:
        The port.
    """
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0), backlog=100))
        wake, woken = map(stack.enter_context, socket.socketpair())
        lines: list[threading.Thread] = []

        def carry(client: socket.socket, left: float) -> None:
            with client, contextlib.suppress(OSError), socket.create_connection((HOST, server.port)) as there:
                while woken not in (ready := select.select([client, there, woken], [], [])[0]):
                    for end in ready:
                        data = end.recv(1 << 16)
                        left -= len(data)
                        if not data or left < 0:
                            return
                        (there if end is client else client).sendall(data)

        def accept() -> None:
            while woken not in select.select([listener, woken], [], [])[0]:
                arguments = (listener.accept()[0], chance.expovariate(1 / life))
                lines.append(threading.Thread(target=carry, args=arguments))
                lines[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            wake.sendall(b"x")
            for thread in (acceptor, *lines):
                thread.join()


@contextlib.contextmanager
def _listening(command: list[str], port: int, env: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env,
        start_new_session=True,
    )  # fmt: skip
    with process:
        try:
            _wait(process, port)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"{process.args!r} does not listen on {port}")


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port
