"""The wrapped command: what it sees, how it ends, and what is said about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.errors import UsageError
from gtrack.ops import execute as module
from gtrack.ops.execute import execute, fill_template
from gtrack.spool.output import read_output

SOURCE = str(Path(__file__).parents[2] / "src")
WRAPPER = """
import json, os, sys
from gtrack.ops.execute import execute
outcome = execute(sys.argv[2:], env=os.environ, stem_path=sys.argv[1])
with open(sys.argv[1] + ".outcome", "w") as file:
    json.dump([outcome.exit_code, outcome.signal, outcome.status, outcome.error], file)
sys.exit(outcome.exit_code)
"""


def run(tmp_path, *argv, **options):
    """Run a command without capture, whose descriptors are pytest's here."""
    return execute(argv, env=os.environ, stem_path=None, cwd=tmp_path, **options)


def wrapped(stem, *argv, **options):
    return subprocess.Popen(
        [sys.executable, "-c", WRAPPER, str(stem), *argv],
        env=os.environ | {"PYTHONPATH": SOURCE},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )


def outcome_of(stem):
    import json

    return json.loads(Path(f"{stem}.outcome").read_text())


def test_a_command_that_succeeds_is_finished(tmp_path):
    outcome = run(tmp_path, "true")
    assert (outcome.exit_code, outcome.signal, outcome.status, outcome.error) == (0, None, "finished", None)
    assert outcome.duration > 0


def test_the_exit_code_is_passed_through(tmp_path):
    outcome = run(tmp_path, "sh", "-c", "exit 3")
    assert (outcome.exit_code, outcome.status) == (3, "failed")
    assert outcome.error == {"type": "ExitCode", "message": "the command exited with code 3", "cause": "other"}


@pytest.mark.parametrize(
    ("name", "status", "cause"),
    [
        ("KILL", "killed", "other"),
        ("TERM", "preempted", "other"),
        ("INT", "failed", "interrupt"),
        ("SEGV", "failed", "other"),
    ],
)
def test_a_signal_ends_it_with_128_plus_its_number(tmp_path, name, status, cause):
    number = signal.Signals[f"SIG{name}"]
    outcome = run(tmp_path, "sh", "-c", f"kill -{name} $$")
    assert (outcome.exit_code, outcome.signal, outcome.status) == (128 + number, number, status)
    assert (outcome.error["type"], outcome.error["cause"]) == (f"SIG{name}", cause)


def test_a_shell_in_between_does_not_hide_the_signal(tmp_path):
    assert run(tmp_path, "sh", "-c", "exit 137").status == "killed"


def test_a_missing_command_is_127_with_a_clear_line(tmp_path):
    outcome = run(tmp_path, "no-such-command-here")
    assert (outcome.exit_code, outcome.status) == (127, "failed")
    assert outcome.error["message"] == "no-such-command-here: command not found"


def test_a_file_that_may_not_be_executed_is_126(tmp_path):
    script = tmp_path / "train.sh"
    script.write_text("echo no\n")
    outcome = run(tmp_path, str(script))
    assert outcome.exit_code == 126 and "chmod +x" in outcome.error["message"]
    script.chmod(0o755)
    outcome = run(tmp_path, str(script))
    assert outcome.exit_code == 126 and "Exec format error" in outcome.error["message"]


def test_a_missing_interpreter_and_a_missing_directory_are_named(tmp_path):
    script = tmp_path / "train"
    script.write_text("#!/no/such/python\n")
    script.chmod(0o755)
    assert "first line" in run(tmp_path, str(script)).error["message"]
    assert "does not exist" in run(tmp_path / "gone", "true").error["message"]


def test_an_empty_command_is_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="no command"):
        run(tmp_path)


def test_output_comes_out_byte_for_byte_and_is_kept(tmp_path):
    child = wrapped(
        tmp_path / "s", "sh", "-c", r"printf 'a\n\377\0b'; echo err >&2; printf c; cat", stdin=subprocess.PIPE
    )
    out, _ = child.communicate(b"from stdin")
    assert out == b"a\n\xff\0berr\ncfrom stdin"
    assert read_output(tmp_path / "s") == out


def test_the_end_of_a_python_traceback_is_the_error(tmp_path):
    code = "import json\ndef train():\n    raise MemoryError('no room')\ntrain()"
    child = wrapped(tmp_path / "s", sys.executable, "-c", code)
    child.communicate()
    assert child.returncode == 1
    assert outcome_of(tmp_path / "s") == [
        1,
        None,
        "failed",
        {"type": "MemoryError", "message": "no room", "cause": "oom"},
    ]


def test_sigterm_is_passed_on_and_means_preempted(tmp_path):
    code = "trap 'echo saving; exit 0' TERM; echo ready; while :; do sleep 0.02; done"
    child = wrapped(tmp_path / "s", "sh", "-c", code)
    assert child.stdout.readline() == b"ready\n"
    child.terminate()
    out, _ = child.communicate(timeout=20)
    assert out == b"saving\n"
    assert outcome_of(tmp_path / "s")[:3] == [0, None, "preempted"]


def test_sigint_without_a_terminal_is_passed_on_once(tmp_path):
    code = """
        import signal, time
        count = 0
        def handler(*_):
            global count
            count += 1
        signal.signal(signal.SIGINT, handler)
        print("ready", flush=True)
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            time.sleep(0.02)
        print(count)
        """
    child = wrapped(tmp_path / "s", sys.executable, "-c", textwrap.dedent(code), start_new_session=True)
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=20)[0] == b"1\n"
    assert outcome_of(tmp_path / "s")[2] == "finished"


def test_ctrl_c_in_a_terminal_reaches_the_command_once(tmp_path):
    """The terminal sends it to the whole group; forwarding it would make two."""
    import pty

    code = (
        "import signal,time;n=[];signal.signal(2,lambda *_:n.append(1));print('ready',flush=True);"
        "time.sleep(0.4);print('got',len(n),flush=True)"
    )
    pid, master = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = SOURCE
        argv = [sys.executable, "-c", WRAPPER, str(tmp_path / "s"), sys.executable, "-c", code]
        os.execv(sys.executable, argv)
    seen, sent = b"", False
    while True:
        try:
            data = os.read(master, 1024)
        except OSError:
            break
        seen += data
        if b"ready" in seen and not sent:
            os.write(master, b"\x03")
            sent = True
    os.close(master)
    assert os.waitpid(pid, 0)[1] == 0
    assert b"got 1\r\n" in seen


def test_a_command_outlives_a_killed_wrapper_and_its_output_is_kept(tmp_path):
    child = wrapped(tmp_path / "s", "sh", "-c", "echo one; sleep 0.3; echo two; echo three")
    assert child.stdout.readline() == b"one\n"
    child.kill()
    assert child.communicate(timeout=20)[0] == b"two\nthree\n"
    assert read_output(tmp_path / "s") == b"one\ntwo\nthree\n"


def test_what_nohup_ignores_stays_ignored(tmp_path):
    child = wrapped(
        tmp_path / "s",
        "sh",
        "-c",
        "echo ready; sleep 0.3; echo end",
        preexec_fn=lambda: signal.signal(1, signal.SIG_IGN),
    )
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGHUP)
    assert child.communicate(timeout=20)[0] == b"end\n"
    assert child.returncode == 0


def test_our_handlers_are_put_back_and_signals_reported(tmp_path):
    before = [signal.getsignal(number) for number in module._FORWARDED]
    seen = []
    script = "trap 'exit 9' USR1; kill -USR1 $PPID; while :; do sleep 0.02; done"
    outcome = run(tmp_path, "sh", "-c", script, on_signal=seen.append)
    assert seen == [signal.SIGUSR1]
    assert (outcome.exit_code, outcome.status) == (9, "preempted")
    assert [signal.getsignal(number) for number in module._FORWARDED] == before


def test_a_kill_while_the_kernel_counts_one_more_oom_kill_is_out_of_memory(tmp_path, monkeypatch):
    counts = iter([4, 5])
    monkeypatch.setattr(module, "_oom_kills", lambda: next(counts))
    outcome = run(tmp_path, "sh", "-c", "kill -KILL $$")
    assert outcome.error == {"type": "SIGKILL", "message": "the command was killed: out of memory", "cause": "oom"}


def test_the_wrapper_costs_little(tmp_path):
    run(tmp_path, "true")
    start = time.perf_counter()
    run(tmp_path, "true")
    assert time.perf_counter() - start < 1


PARAMS = {"lr": 1e-4, "model": {"depth": 3, "name": "net"}, "flag": True, "none": None, "ks": [1, 2], "a.b": "dotted"}


@pytest.mark.parametrize(
    ("argument", "filled"),
    [
        ("--lr={lr}", "--lr=0.0001"),
        ("{model.depth}-{model.name}", "3-net"),
        ("{a.b}", "dotted"),
        ("{flag} {none} {ks}", "true null [1, 2]"),
        ("{model}", '{"depth": 3, "name": "net"}'),
        ('{"lr": {lr}}', '{"lr": 0.0001}'),
        ("{{lr}}", "{lr}"),
        ("{{unknown}}", "{unknown}"),
        ("${lr} ${HOME}", "${lr} ${HOME}"),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("{a,b}", "{a,b}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("{print $1}", "{print $1}"),
        ("{{ jinja }}", "{{ jinja }}"),
    ],
)
def test_placeholders_are_filled_and_other_braces_left_alone(argument, filled):
    assert fill_template([argument], PARAMS) == [filled]


def test_an_unknown_placeholder_names_the_known_ones():
    with pytest.raises(UsageError, match=r"\{rl\}.*known: .*lr, model.*\{\{rl\}\}"):
        fill_template(["--lr={rl}"], PARAMS)
    with pytest.raises(UsageError, match=r"model\.width"):
        fill_template(["{model.width}"], PARAMS)


@given(st.text(alphabet='ab{}$" :1.', max_size=30))
def test_a_template_either_fills_or_says_which_name_is_unknown(text):
    try:
        assert "{a}" not in fill_template([text.replace("{{", "{")], {"a": 1, "b": 2})[0].replace("${a}", "")
    except UsageError as error:
        assert "is not a param" in error.message
