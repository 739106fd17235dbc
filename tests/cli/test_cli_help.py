"""Help, mistakes, exit codes, start-up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gtrack.cli import main
from gtrack.cli.application import ENTRIES, application
from gtrack.cli.command import Command
from gtrack.cli.errors import guarded
from gtrack.cli.group import Group
from gtrack.cli.reference import reference
from gtrack.errors import DamageError, FormatError, LockedError, NetworkError, NotFoundError, UsageError

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[tuple[str, Command]]:
    context = click.Context(application)
    found = []
    for name in ENTRIES:
        command = application.get_command(context, name)
        assert isinstance(command, Command)
        found.append((name, command))
    return found


def subcommands() -> list[tuple[str, Command]]:
    return [
        (f"{name} {inner.name}", inner)
        for name, group in commands()
        if isinstance(group, Group)
        for inner in group.commands.values()
        if isinstance(inner, Command)
    ]


def test_every_command_and_option_is_explained():
    for name, command in [*commands(), *subcommands()]:
        assert command.name == name.split(" ")[-1]
        assert command.help
        assert command.examples
        assert command.hidden == ENTRIES[name.split(" ")[0]].hidden
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help, f"{name} {param.opts}"


def test_every_subcommand_is_a_command_with_examples():
    for _, group in commands():
        if isinstance(group, Group):
            assert all(isinstance(inner, Command) for inner in group.commands.values())


def test_the_summaries_of_the_group_are_those_of_the_commands():
    for name, command in commands():
        first = " ".join((command.help or "").split("\n\n")[0].split())
        assert ENTRIES[name].summary == first or command.hidden, name


def test_every_example_is_of_its_own_command():
    for name, command in [*commands(), *subcommands()]:
        assert any(f"gtrack {name}" in example for example in command.examples) or command.hidden


def test_the_reference_page_is_up_to_date():
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == reference(), (
        "python -m gtrack.cli.reference > docs/cli.md"
    )


def test_read_commands_share_their_output_options():
    for name in ("ls", "show", "fsck", "doctor"):
        command = dict(commands())[name]
        options = {opt for param in command.params for opt in param.opts}
        assert {"--json", "--jsonl", "--csv", "--md", "-o"} <= options


def test_letters_mean_the_same_everywhere():
    # -m is the message of what is written, and the metric of what is compared: no command does both.
    meaning = {"-p": {"params"}, "-n": {"count"}, "-m": {"message", "metric", "metrics"}, "-o": {"file", "folder"}}
    for name, command in [*commands(), *subcommands()]:
        for param in command.params:
            for letter, wanted in meaning.items():
                if letter in param.opts:
                    assert param.name in wanted, f"{name} {letter}"


def test_help_groups_the_commands_under_headings(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert [
        line for line in out.splitlines() if line in {"Record:", "Read:", "Judge:", "Share:", "Keep:", "Face:"}
    ] == [
        "Record:",
        "Read:",
        "Judge:",
        "Share:",
        "Keep:",
        "Face:",
    ]
    assert "textconv" not in out


def test_help_of_a_command_shows_examples(capsys):
    assert main(["log", "-h"]) == 0
    assert "Examples:\n  gtrack log val_auc=0.91" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["--help"], ["ls", "--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(argv):
    code = (
        "import sys\nfrom gtrack.cli import main\n"
        f"code = main({argv!r})\n"
        "heavy = {'pyarrow', 'dulwich', 'numpy', 'streamlit', 'rich', 'yaml', 'subprocess'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_mistyped_command_is_answered_with_the_nearest(capsys):
    assert main(["resotre"]) == 2
    err = capsys.readouterr().err
    assert "did you mean 'restore'?" in err
    assert "hint: gtrack --help" in err


@pytest.mark.parametrize(
    "argv",
    [["ls", "--nope"], ["show"], ["ls", "-n", "0"], ["ls", "--status", "x"], ["run"], ["tag", "last"], ["tag", "a=b"]],
)
def test_wrong_use_is_one_line_and_a_hint(argv, capsys):
    assert main(argv) == 2
    captured = capsys.readouterr()
    first, *rest = captured.err.splitlines()
    assert captured.out == ""
    assert first.startswith("gtrack: ")
    assert len(rest) == 1
    assert rest[0].startswith("  hint: ")


def test_escape_sequences_in_arguments_do_not_come_back(capsys):
    assert main(["\x1b[2J"]) == 2
    assert main(["ls", "--\x1b[2J"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (NotFoundError("x"), 3),
        (LockedError("x"), 4),
        (NetworkError("x"), 5),
        (DamageError("x"), 6),
        (FormatError("x"), 7),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "file"), 2),
        (ZeroDivisionError("x"), 70),
    ],
)
def test_every_failure_has_its_exit_code_and_no_traceback(error, code, capsys):
    def fail() -> int:
        raise error

    assert guarded(fail, {}) == code
    err = capsys.readouterr().err
    assert err.startswith("gtrack: ")
    assert "Traceback" not in err


def test_a_bug_says_how_to_report_it_and_debug_shows_the_traceback(capsys):
    def fail() -> int:
        raise RuntimeError("broken\x1b[2J")

    assert guarded(fail, {}) == 70
    err = capsys.readouterr().err
    assert "GTRACK_DEBUG=1" in err
    assert "\x1b" not in err
    assert guarded(fail, {"GTRACK_DEBUG": "1"}) == 70
    assert "Traceback" in capsys.readouterr().err


def test_warnings_are_one_line_each(capsys):
    import warnings

    def warn() -> int:
        warnings.warn("look\nhere", UserWarning, stacklevel=1)
        return 0

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert guarded(warn, {}) == 0
    assert capsys.readouterr().err == "gtrack: warning: look here\n"


def test_a_reader_that_goes_away_is_no_error(project):
    import shlex

    command = f"{shlex.quote(sys.executable)} -m gtrack ls --json | true; echo ${{PIPESTATUS[0]}}"
    done = project.run("bash", "-c", command)
    assert done.out.strip() in ("0", "141")
    assert done.err == ""


def test_git_runs_it_as_a_subcommand(project, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "git-track"
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom gtrack.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    path = f"{folder}:{project.env['PATH']}"
    project.ok("log", "a=1")
    assert "ID" in project.git("track", "ls", PATH=path)
    assert "hint: git track --help" in project.run("git", "track", "nope", PATH=path).err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "_GTRACK_COMPLETE" in capsys.readouterr().out


def test_completion_offers_commands_and_runs(project):
    project.ok("log", "a=1", "--name", "baseline")
    project.ok("log", "a=1", "--name", "$(touch pwned)")

    def offered(words: str) -> list[str]:
        number = str(len(words.split(" ")) - 1)
        env = {"_GTRACK_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": number}
        return [line.split(",")[1] for line in project.ok(**env).splitlines() if line]

    assert offered("gtrack re") == ["rename", "restore", "report"]
    assert "baseline" in offered("gtrack show ba")
    assert offered("gtrack show $") == [r"\$\(touch\ pwned\)"]


def test_completion_outside_of_a_repository_offers_nothing(outside):
    env = {"_GTRACK_COMPLETE": "bash_complete", "COMP_WORDS": "gtrack show x", "COMP_CWORD": "2"}
    done = outside.gtrack(**env)
    assert (done.code, done.out.strip(), done.err) == (0, "", "")


def test_outside_of_a_repository_the_next_command_is_named(outside):
    done = outside.gtrack("ls")
    assert done.code == 3
    assert "hint: git init" in done.err
