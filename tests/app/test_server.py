"""The dashboard's server: whom it answers, what it may be asked for, and how it starts and ends."""

from __future__ import annotations

import gzip
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import SOURCE, serve_command, serving

from gtrack._app.assets import assets, panels_url, plotly_url
from gtrack._app.server import free_port, url_of
from gtrack._app.server_guard import Guard, is_loopback, name_of, names_of
from gtrack.errors import ConflictError, UsageError

PAGE = Path(__file__).parent / "panels" / "panels_page.py"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(PAGE) as url:
        yield url


def ask(url: str, path: str, method: str = "GET", *, body: bool = True, **headers: str) -> Answer:
    """Ask the server; names of headers are given with underscores."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read() if body else b"")
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/", "/_stcore/health", plotly_url()])
def test_only_names_of_this_machine_are_answered(server, path):
    port = urlsplit(server).port
    for name in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        assert ask(server, path, Host=f"{name}:{port}").status == 200
    assert ask(server, path, Host="localhost:9000").status == 200, "through a tunnel"
    for name in (f"evil.example:{port}", "127.0.0.1.evil.example", "evil@localhost", "localhost:x", "localhost/x", ""):
        assert ask(server, path, Host=name).status in (400, 421), name


def test_a_websocket_of_another_site_is_refused(server):
    port = urlsplit(server).port

    def status(origin: str, host: str = f"localhost:{port}") -> int:
        return ask(server, "/_stcore/stream", body=False, Host=host, Origin=origin, **UPGRADE).status

    assert status(f"http://localhost:{port}") == 101
    for origin in ("http://evil.example", "http://localhost:9999", f"http://127.0.0.1:{port}", "null"):
        assert status(origin) == 403, origin
    assert status(f"http://evil.example:{port}", host=f"evil.example:{port}") == 403


def test_a_change_from_another_site_is_refused(server):
    port = urlsplit(server).port
    answer = ask(server, "/_stcore/upload_file/a/b", "PUT", Host=f"localhost:{port}", Origin="http://localhost:9999")
    assert answer.status == 403


def test_every_answer_says_what_the_page_may_do(server):
    for path in ("/", "/_stcore/health", "/nosuch", plotly_url()):
        headers = ask(server, path).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert rules["default-src"] == "'self'"
        assert rules["frame-ancestors"] == rules["object-src"] == "'none'"
        assert "'unsafe-inline'" not in rules["script-src"]
        assert not [
            word for rule in rules.values() for word in rule.split() if "//" in word and "127.0.0.1" not in word
        ]


def test_plotly_is_served_for_good_and_compressed(server):
    plain, packed = ask(server, plotly_url()), ask(server, plotly_url(), Accept_Encoding="gzip")
    assert plain.body.startswith(b"/**\n* plotly.js v")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 3
    for answer in (plain, packed):
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/javascript")
    version = plain.body[:100].split(b"plotly.js v")[1].split(b"\n")[0].decode()
    assert version in plotly_url()


def test_no_other_file_can_be_reached(server):
    folder = panels_url().rpartition("/")[0]
    shell = ask(server, "/").body
    for url in assets():
        assert ask(server, url).body != shell
    for path in (
        f"{folder}/../assets.py",
        f"{folder}/..%2fassets.py",
        f"{folder}/%2e%2e/assets.py",
        f"{folder}/assets.py",
        f"{folder}/",
        "/gtrack/plotly-0.min.js",
        "/gtrack//etc/passwd",
        "/app/static/panels_page.py",
        "/panels_page.py",
    ):
        answer = ask(server, path)
        if answer.status == 301:  # Streamlit's pages have no slash at their end
            answer = ask(server, answer.headers["location"])
        # What is no file of Streamlit's is its page, for a link within the app.
        assert answer.status in (400, 403, 404) or answer.body == shell, path


def test_a_port_that_was_asked_for_has_to_be_free_and_another_is_looked_for():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConflictError, match=f"port {port} is in use") as caught:
            free_port("127.0.0.1", port)
        assert caught.value.hint
    assert free_port("127.0.0.1", None) >= 8501
    assert free_port("127.0.0.1", 0) > 0


def test_an_address_that_this_machine_has_not_is_named():
    with pytest.raises(UsageError, match=r"192\.0\.2\.1 is not an address"):
        free_port("192.0.2.1", 0)
    with pytest.raises(UsageError, match="there is no machine"):
        free_port("no such machine", 0)


def test_ctrl_c_ends_it_quietly(tmp_path):
    process = subprocess.Popen(
        serve_command(PAGE),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        until = time.monotonic() + 20
        while ask(url, "/_stcore/health").status != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "", "")


def test_what_everybody_can_reach_is_told_from_what_only_this_machine_can():
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "[::1]", "localhost", "127.9.9.9")] == [True] * 5
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.2", "box.local")] == [False] * 4
    assert url_of("0.0.0.0", 1) == "http://localhost:1"
    assert url_of("::1", 1) == "http://[::1]:1"
    assert url_of("box.local", 1, secure=True) == "https://box.local:1"


@pytest.mark.parametrize(
    ("listening", "host", "ours"),
    [
        ("box.local", "box.local:8501", True),
        ("box.local", "BOX.local.:8501", True),
        ("box.local", "other.local:8501", False),
        ("0.0.0.0", "192.168.1.2:8501", True),
        ("0.0.0.0", "[fe80::1]:8501", True),
        ("0.0.0.0", "me:8501", True),
        ("0.0.0.0", "evil.example:8501", False),
        ("127.0.0.1", "192.168.1.2:8501", False),
    ],
)
def test_a_server_answers_to_the_name_that_it_was_given(listening, host, ours):
    guard = Guard(None, names=names_of(listening), own=frozenset({"me"}))  # type: ignore[arg-type]
    assert guard._is_ours(host) is ours


@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0", "box.local"])
def test_a_server_answers_to_further_names_that_it_was_told_and_to_no_others(listening):
    more = frozenset({name_of("GTrack.example.org."), name_of("bücher.example")})
    guard = Guard(None, names=names_of(listening), own=frozenset({"me"}), more=more)  # type: ignore[arg-type]
    for host in ("gtrack.example.org", "GTRACK.example.org:443", "xn--bcher-kva.example", "localhost:8501"):
        assert guard._is_ours(host), host
    for host in ("example.org", "a.gtrack.example.org", "gtrack.example.org.evil.example", "evil@gtrack.example.org"):
        assert not guard._is_ours(host), host


@pytest.mark.parametrize(
    "text", ["", ".", "https://gtrack.example.org", "a b", "gtrack.example.org:443", "*", "a/b", "a@b", "\x1b[2J", "-a"]
)
def test_what_is_no_name_of_a_machine_is_refused(text):
    with pytest.raises(UsageError, match="is not the name of a machine") as caught:
        name_of(text)
    assert "\x1b" not in str(caught.value)
