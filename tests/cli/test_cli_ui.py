"""``gtrack ui``: what it refuses, says and hands to the server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from gtrack._app import options, server


@pytest.fixture
def served(monkeypatch):
    """What a server would be started with; none is."""
    calls = []

    def serve(options, **more):
        calls.append((options, more))
        more["started"]("http://localhost:8501")

    monkeypatch.setattr(server, "serve", serve)
    return calls


def test_outside_of_a_repository_nothing_starts(outside, served):
    done = outside.gtrack("ui")
    assert (done.code, served) == (3, [])
    assert "repository" in done.err


def test_the_server_gets_the_repository_and_says_where_it_is(project, served):
    (project.root / "deep").mkdir()
    done = project.gtrack("ui", "--read-only", "--no-browser", "--port", "9000", cwd=project.root / "deep")
    assert (done.code, done.out) == (0, "")
    assert done.err == "gtrack: the dashboard is at http://localhost:8501\n  Ctrl-C ends it\n"
    ((told, more),) = served
    assert told == options.Options(str(project.root), True)
    assert (more["host"], more["port"], more["browser"]) == ("127.0.0.1", 9000, False)


@pytest.mark.parametrize(("env", "opens"), [({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "w"}, True)])
def test_a_browser_is_opened_where_there_is_a_screen(project, served, monkeypatch, env, opens):
    monkeypatch.setattr(sys, "platform", "linux")
    project.ok("ui", **env)
    assert served[0][1]["browser"] is opens


def test_an_address_that_others_reach_is_named_with_what_they_can_do(project, served):
    assert (
        "everybody who can reach 0.0.0.0 can read everything and change it in your name"
        in project.gtrack("-q", "ui", "--host", "0.0.0.0").err
    )
    assert "can read everything\n" in project.gtrack("ui", "--host", "0.0.0.0", "--read-only").err
    assert "everybody" not in project.gtrack("ui", "--host", "::1").err


def test_further_names_are_handed_to_the_server_and_said_to_be_reachable(project, served):
    done = project.gtrack("ui", "--name", "a.example.org", "--name", "b.example.org", "--read-only")
    assert "everybody who can reach a.example.org or b.example.org can read everything\n" in done.err
    assert served[0][1]["names"] == ("a.example.org", "b.example.org")


def test_without_streamlit_one_line_says_what_to_type(project):
    code = "import sys; sys.modules['streamlit'] = None; from gtrack.cli import main; sys.exit(main(['ui']))"
    done = project.run(sys.executable, "-c", code)
    assert (done.code, done.out) == (2, "")
    assert done.err == "gtrack: streamlit is not installed\n  hint: pip install 'gtrack[ui]'\n"


def test_a_port_in_use_is_one_clear_sentence(project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = project.process("ui", "--no-browser", "--port", str(port))
    assert done.code == 4
    assert done.err == f"gtrack: port {port} is in use\n  hint: gtrack ui --port 0 takes a free one\n"


def test_a_name_that_is_none_is_one_clear_sentence(project):
    done = project.process("ui", "--no-browser", "--name", "https://a.example.org")
    assert done.code == 2
    assert "'https://a.example.org' is not the name of a machine\n  hint: gtrack ui --name" in done.err


def test_it_answers_to_its_names_and_ends_with_ctrl_c(project):
    process = subprocess.Popen(
        [sys.executable, "-m", "gtrack", "ui", "--no-browser", "--port", "0", "--name", "gtrack.example.org"],
        cwd=project.root,
        env={**os.environ, **project.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert "everybody who can reach gtrack.example.org" in process.stderr.readline()
        url = process.stderr.readline().split()[-1]
        assert process.stderr.readline() == "  Ctrl-C ends it\n"
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=20) as answer:
            assert answer.status == 200
        named = urllib.request.Request(f"{url}/_stcore/health", headers={"Host": "gtrack.example.org"})
        with urllib.request.urlopen(named, timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "", "")
