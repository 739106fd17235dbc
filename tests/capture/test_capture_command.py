"""Secrets in command lines, remotes and texts; canaries are assembled here so that this file holds no secret."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.capture import command, launcher, packages, redact, seed
from gtrack.capture.command import current_command, redact_command, strip_credentials
from gtrack.capture.redact import is_secret_name, redact_text

SECRET = "canary" + "Zq7Lw"
FILLER = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5"
TOKENS = [
    "ghp_" + FILLER,
    "github_pat_" + FILLER,
    "glpat-" + FILLER[:20],
    "hf_" + FILLER[:34],
    "sk-" + FILLER,
    "sk-ant-" + "api03-" + FILLER,
    "xoxb-" + "123456789012-" + FILLER[:12],
    "AKIA" + "Q7ZR4XPLM2NVB8TK",
    "AIza" + FILLER[:35],
    "npm_" + FILLER,
    "eyJ" + FILLER[:20] + "." + FILLER + "." + FILLER,
]


@pytest.mark.parametrize(
    "argv",
    [
        ["--password", SECRET],
        ["--password=" + SECRET],
        ["--password", "-" + SECRET],
        ["-password", SECRET],
        ["--api-key", SECRET],
        ["--api_key=" + SECRET],
        ["--apiKey", SECRET],
        ["--wandb.api_key", SECRET],
        ["--hf-token", SECRET],
        ["--client-secret=" + SECRET + " with more words"],
        ["db.password=" + SECRET],
        ["+db.password=" + SECRET],
        ["++secrets.token=" + SECRET],
        ["-p", "db_password=" + SECRET],
        ["AWS_SECRET_ACCESS_KEY=" + SECRET],
        ["env", "PGPASSWORD=" + SECRET, "psql"],
        ["postgres://ada:" + SECRET + "@db/churn"],
        ["--url=https://" + SECRET + "@host/x"],
        ["https://host/x?a=1&access_token=" + SECRET + "&b=2"],
        ["https://account.blob.example/x?sv=1&sig=" + SECRET],
        ["https://s3.example/x?X-Amz-Signature=" + SECRET],
        ["-H", "Authorization: Basic " + SECRET],
        ["-H", "Bearer " + SECRET],
        ["--config", json.dumps({"db": {"password": SECRET, "host": "x"}})],
        ["bash", "-c", "API_KEY=" + SECRET + " python train.py"],
        ["bash", "-c", "curl --data 'token=" + SECRET + "'"],
        *[["train.py", token] for token in TOKENS],
        *[["train.py", "--note=see " + token + "."] for token in TOKENS],
    ],
)
def test_a_secret_in_a_command_line_is_hidden(argv: list[str]) -> None:
    hidden = " ".join(redact_command(argv))
    assert "***" in hidden
    assert SECRET not in hidden
    assert not any(token in hidden for token in TOKENS)


@pytest.mark.parametrize(
    "argv",
    [
        ["train.py", "--lr=0.1", "--epochs", "10", "-p", "depth=3"],
        ["--pad-token", "<pad>", "--max-tokens=512", "--tokenizer", "bert", "--eos_token=</s>"],
        ["--use-auth-token", "true", "--num-token", "3", "--token-id", "7"],
        ["--sort-key", "loss", "--key=date", "--author", "ada", "--monkey=1", "--passes", "3", "--n-pass=2"],
        ["model.name=resnet50", "seed=1", "+trainer.precision=16"],
        ["https://example.org:8080/a@b/c?page=2", "s3://bucket/key=1/part", "git@github.com:acme/churn.git"],
        ["3f2a9c1d7b6e4a508c2f9e0d1a7b3c55", "task-" + "a" * 40, "--desc=risk-" + "b" * 30],
    ],
)
def test_an_innocent_command_line_is_kept_as_it_is(argv: list[str]) -> None:
    assert redact_command(argv) == argv


def test_an_option_after_a_secret_switch_is_not_taken_for_its_value() -> None:
    assert redact_command(["--token", "--lr=0.1"]) == ["--token", "--lr=0.1"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/acme/churn.git", "github.com/acme/churn"),
        ("https://user:token@github.com/acme/churn.git", "github.com/acme/churn"),
        ("https://oauth2:p@ss@GitHub.com/acme/churn/", "github.com/acme/churn"),
        ("https://ada:pa/ss@github.com/acme/churn", "github.com/acme/churn"),
        ("git@github.com:acme/churn.git", "github.com/acme/churn"),
        ("github.com:acme/churn.git", "github.com/acme/churn"),
        ("git@host:~ada/churn.git", "host/~ada/churn"),
        ("ssh://git@host:22/x", "host/x"),
        ("ssh://git@host:2222/x.git", "host:2222/x"),
        ("ssh://git@[::1]:22/x", "[::1]/x"),
        ("git@[::1]:x.git", "[::1]/x"),
        ("git://host/x.git?token=1#y", "host/x"),
        ("https://host/x/.git", "host/x"),
        ("codecommit::eu-west-1://profile@churn", "churn"),
        ("ext::sh -c whoami", "ext"),
        ("/home/ada/work/churn.git", "file:churn"),
        ("/home/ada/work/churn/.git/", "file:churn"),
        ("../churn", "file:churn"),
        ("./a:b", "file:a:b"),
        ("file:///home/ada/churn.git", "file:churn"),
        ("C:\\Users\\ada\\churn", "file:churn"),
        ("C:/Users/ada/churn", "file:churn"),
        ("", "file:"),
        ("/", "file:"),
        ("https://", ""),
        ("https://host\x1b[31m/x\n", "host[31m/x"),
    ],
)
def test_a_remote_is_named_by_host_and_path(url: str, name: str) -> None:
    assert strip_credentials(url) == name


SAFE = st.text(st.sampled_from("abcdefXYZ0123456789-_"), min_size=1, max_size=12)


@given(
    st.sampled_from(["https", "ssh", "git+ssh", "http", "s3"]),
    SAFE,
    st.text("abc%:@!$&'()*+,;=.~-_Z", max_size=12),
    SAFE,
)
@settings(max_examples=100, deadline=None)
def test_no_password_survives_in_the_name_of_a_remote(scheme: str, user: str, password: str, path: str) -> None:
    url = f"{scheme}://u{user}:{SECRET}{password}@example.org/{path}"
    assert strip_credentials(url).startswith("example.org/")
    assert SECRET not in strip_credentials(url)
    assert SECRET not in redact_text(f"fatal: unable to access '{url}': 403")


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_naming_a_remote_never_raises_and_prints_safely(url: str) -> None:
    assert strip_credentials(url).isprintable()


@given(st.lists(st.text(max_size=40), max_size=6))
@settings(max_examples=100, deadline=None)
def test_redaction_keeps_the_number_of_words(argv: list[str]) -> None:
    assert len(redact_command(argv)) == len(argv)


@given(st.text(st.sampled_from("ab:/@=?&\"' token password***"), max_size=60))
@settings(max_examples=150, deadline=None)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


@pytest.mark.parametrize("unit", ["a", "a:", "://", "a=", "eyJa", "x@", '"a":', "sk-", "a.", "http://a:"])
def test_redaction_of_a_long_text_is_quick(unit: str) -> None:
    import time

    text = unit * (200_000 // len(unit))
    start = time.process_time()
    redact_text(text)
    strip_credentials(text)
    assert time.process_time() - start < 2.0  # linear: tens of milliseconds; quadratic would take minutes


@pytest.mark.parametrize("name", ["password", "DB_PASSWORD", "x-api-key", "accessToken", "AWS_ACCESS_KEY_ID", "secret"])
def test_names_of_secrets_are_recognised(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["", "--", "key", "tokens", "pad_token", "tokenizer", "secretary", "api_key_id_count"])
def test_other_names_are_not(name: str) -> None:
    assert not is_secret_name(name)


def command_of(*argv: str, cwd: Path) -> list[str]:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=60, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def script(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"import sys, json; sys.path[:0] = {[p for p in sys.path if p]!r}\n"
        "from gtrack.capture.command import current_command\n"
        "print(json.dumps(current_command()))\n"
    )
    return path


def test_a_script_is_named_relative_to_the_working_directory(tmp_path: Path) -> None:
    path = script(tmp_path / "train" / "main.py")
    python = Path(sys.executable).name
    found = command_of(sys.executable, "-X", "utf8", str(path), "--lr=0.1", "--token", SECRET, cwd=tmp_path)
    assert found == [python, "-X", "utf8", "train/main.py", "--lr=0.1", "--token", "***"]


def test_a_module_keeps_its_name(tmp_path: Path) -> None:
    script(tmp_path / "train.py")
    assert command_of(sys.executable, "-m", "train", "x", cwd=tmp_path)[1:] == ["-m", "train", "x"]


def test_an_installed_command_replaces_interpreter_and_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["/home/ada/.venv/bin/python3", "/home/ada/.venv/bin/accelerate", "launch"])
    assert current_command() == ["accelerate", "launch"]


@pytest.mark.parametrize("argv", [[], [""], ["python"], ["python", "-"], ["python", "-c"], ["python", "-W"]])
def test_odd_commands_are_no_trouble(monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> None:
    monkeypatch.setattr(sys, "orig_argv", argv)
    assert current_command() == argv


def test_a_notebook_is_named_where_its_server_says_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = "/home/ada/.local/share/jupyter/runtime/kernel-1.json"
    monkeypatch.setattr(sys, "orig_argv", ["/usr/bin/python", "-m", "ipykernel_launcher", "-f", connection])
    assert current_command({"JPY_SESSION_NAME": "/home/ada/work/explore.ipynb"}) == ["notebook", "explore.ipynb"]
    assert current_command({}) == ["notebook"]


@pytest.mark.parametrize("module", [command, launcher, packages, redact, seed])
def test_the_examples_in_the_documentation_are_true(module: object) -> None:
    import doctest

    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
