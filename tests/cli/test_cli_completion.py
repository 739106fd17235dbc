"""Completion in real shells: what is offered, and that what is put into the line is one word, whatever is in it."""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtrack.cli.commands.completion import command
from gtrack.cli.shell_line import bash_word, read_line
from gtrack.cli.shells import SCRIPTS

HOSTILE = [
    "h0$(touch pwned)",
    "h1 it's",
    'h2 "double"',
    "h3`touch pwned`",
    "h4;touch pwned",
    "h5*",
    "h6\\n",
    "h7~|&<>{}[]!#",
]
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
START = {
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--private", "-i"],
}
PREPARE = {
    "bash": "PS1=; bind 'set enable-bracketed-paste off'; source <(gtrack completion bash)",
    "zsh": "PS1=; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -D; source <(gtrack completion zsh)",
    "fish": "function fish_prompt; end; function fish_greeting; end; gtrack completion fish | source",
}


def shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}: apt-get install {name}")
    return found


@pytest.fixture
def typed(project, tmp_path):
    """A repository with runs, and a ``gtrack`` that notes its arguments, unless a shell asks it for completions."""
    code = (
        "import gtrack\n"
        f"names = ['baseline', 'base-two', *{HOSTILE!r}]\n"
        "for i, name in enumerate(names):\n"
        "    with gtrack.start_run(name, experiment='churn rate' if i else 'digits') as run:\n"
        "        run.log_params({'lr': 0.1, 'model': {'depth': i}, 'a b': 1})\n"
        "        run.set_tag('purpose', 'search')\n"
        "        run.log({'val_auc': 0.5, 'val/loss': 0.5})\n"
    )
    done = project.run(sys.executable, "-c", code, GTRACK_QUIET="1")
    assert done.code == 0, done.err
    project.git("remote", "add", "upstream", "https://example.org/x.git")
    project.git("tag", "v1.2")
    folder = tmp_path / "bin"
    folder.mkdir()
    note = f"import json, os, sys; open({str(tmp_path / 'draft')!r}, 'w').write(json.dumps(sys.argv[1:]))"
    move = f"os.replace({str(tmp_path / 'draft')!r}, {str(tmp_path / 'noted')!r})"
    script = folder / "gtrack"
    script.write_text(
        f'#!/bin/sh\nif [ -n "$_GTRACK_COMPLETE" ] || [ "$1" = completion ]; then\n'
        f'    exec {sys.executable} -m gtrack "$@"\nfi\n'
        f'exec {sys.executable} -c {shlex.quote(f"{note}; {move}")} "$@"\n'
    )
    script.chmod(0o755)
    env = {**project.env, "PATH": f"{folder}:{project.env['PATH']}", "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    return type(project)(project.root, env)


KEPT = {
    "bash": (
        ["bash", "--noprofile", "--norc", "-i"],
        f"PS1=; bind 'set enable-bracketed-paste off'; . {BASH_COMPLETION}",
    ),
    "zsh": (["zsh", "-i"], "PS1=; unsetopt zle_bracketed_paste"),
    "fish": (["fish", "-i"], "function fish_prompt; end; function fish_greeting; end"),
}
"""How a shell starts that reads its user's files, and what makes it quiet."""


def press(project, name: str, lines: Sequence[str], *, start: Sequence[str] = (), prepare: str = "") -> list[list[str]]:
    """Type lines of keys into a shell, and return the arguments that gtrack was then called with, each time."""
    noted, found = project.root.parent / "noted", []
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *(start or START[name])],
        cwd=project.root,
        env=project.env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        os.set_blocking(master, False)
        os.write(master, f"{prepare or PREPARE[name]}; echo REA''DY\n".encode())
        wait(master, lambda seen: b"READY" in seen)
        for keys in lines:
            os.write(master, keys.encode())
            wait(master, lambda _: noted.exists())
            found.append(json.loads(noted.read_text()))
            noted.unlink()
        return found
    finally:
        process.kill()
        process.wait()
        os.close(master)


def wait(master: int, ready) -> None:
    """Read what a shell prints until ``ready`` says so of it."""
    seen, until = b"", time.monotonic() + 30
    while not ready(seen):
        assert time.monotonic() < until, seen.decode(errors="replace")
        try:
            seen += os.read(master, 4096)
        except BlockingIOError:
            time.sleep(0.01)


def in_bash(project, line: str) -> list[str]:
    """Return what bash would put in place of the word under the cursor, as its own function leaves it."""
    code = (
        "source <(gtrack completion bash); COMP_LINE=$1; COMP_POINT=${#1}; _gtrack_completion gtrack; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = project.run("bash", "--noprofile", "--norc", "-c", code, "bash", line)
    return [found for found in done.out.split("\n") if found]


def in_zsh(project, line: str) -> list[str]:
    """Return what zsh is offered, by standing in for its completion function's last step."""
    code = (
        "compdef() {}; source <(gtrack completion zsh); compadd() { print -rl -- $words_found }; "
        'words=("${(@f)1}"); CURRENT=$#words; _gtrack_completion'
    )
    words = "\n".join(line.split(" "))
    done = project.run("zsh", "-f", "-c", code, "zsh", words)
    return [found for found in done.out.split("\n") if found]


def in_fish(project, line: str) -> list[str]:
    """Return what fish offers."""
    code = "gtrack completion fish | source; complete -C $argv[1]"
    done = project.run("fish", "--private", "-c", code, line)
    return [found.split("\t")[0] for found in done.out.split("\n") if found]


OFFERS = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.mark.parametrize("name", OFFERS)
def test_a_shell_is_offered_commands_options_runs_and_fields(typed, name):
    shell(name)
    offered = partial(OFFERS[name], typed)
    assert {"rename", "restore"} <= set(offered("gtrack re"))
    assert {"--sort", "--status"} <= set(offered("gtrack ls --s"))
    assert offered("gtrack show base") == ["base-two", "baseline"]
    assert offered("gtrack ls --columns name,params.model") == ["name,params.model.depth"]


@pytest.mark.parametrize("name", START)
def test_the_tabulator_completes_any_name_as_one_word_that_runs_nothing(typed, name):
    shell(name)
    keys = {
        "gtrack show basel\t\n": ["show", "baseline"],
        "gtrack ls --sort -metrics.val_\t\n": ["ls", "--sort", "-metrics.val_auc"],
        "gtrack ls --experiment chu\t\n": ["ls", "--experiment", "churn rate"],
        "gtrack ls --where 'status = 1 AND metrics.val_\t\n": ["ls", "--where", "status = 1 AND metrics.val_auc"],
    }
    keys |= {f"gtrack show {each[:2]}\t\n": ["show", each] for each in HOSTILE}
    assert press(typed, name, list(keys)) == list(keys.values())
    assert not (typed.root / "pwned").exists()


def offered(project, line: str) -> list[str]:
    text = project.ok(_GTRACK_COMPLETE="fish_complete", COMP_WORDS=line)
    return [found.split("\t")[1] for found in text.splitlines()]


@pytest.mark.parametrize("name", KEPT)
def test_the_examples_of_the_help_text_last_in_the_home_of_somebody_new(typed, tmp_path, name):
    shell(name)
    if name == "bash" and not os.path.exists(BASH_COMPLETION):
        pytest.skip("needs bash-completion: apt-get install bash-completion")
    home = tmp_path / "home"
    home.mkdir()
    new = type(typed)(typed.root, {**typed.env, "HOME": str(home)})
    for example in command.examples:
        assert new.run("bash", "-c", example).code == 0, example
    start, prepare = KEPT[name]
    assert press(new, name, ["gtrack show base-t\t\n"], start=start, prepare=prepare) == [["show", "base-two"]]


def test_everything_that_has_a_name_is_offered(typed):
    assert offered(typed, "gtrack ls --status fin") == ["finished"]
    assert offered(typed, "gtrack show v1") == ["v1.2"]
    assert offered(typed, "gtrack show gtr") == [], "the branch for runs is no code"
    assert offered(typed, "gtrack show name:basel") == ["name:baseline"]
    assert offered(typed, "gtrack show rev:ma") == ["rev:main"]
    assert offered(typed, "gtrack show la") == ["last"]
    assert offered(typed, "gtrack diff v1.2..ma") == ["v1.2..main"]
    assert offered(typed, "gtrack diff v1.2...ma") == ["v1.2...main"]
    assert offered(typed, "gtrack ls --metric v") == ["val/loss", "val_auc"]
    assert offered(typed, "gtrack ls --metric=val_") == ["--metric=val_auc"]
    assert offered(typed, "gtrack ls --param mo") == ["model.depth"]
    assert offered(typed, "gtrack ls --sort=-metrics.val_") == ["--sort=-metrics.val_auc"]
    assert offered(typed, "gtrack ls --sort tags.") == ["tags.purpose"]
    assert offered(typed, "gtrack ls --sort name,-st") == ["name,-status", "name,-started"]
    assert offered(typed, "gtrack ls --where 'status = 1 AND para") == [
        f"status = 1 AND params.{key}" for key in ("`a b`", "lr", "model.depth")
    ]
    assert offered(typed, "gtrack ls --experiment dig") == ["digits"]
    assert offered(typed, "gtrack ls --remote up") == ["upstream"]
    assert offered(typed, "git track ls --remote up") == ["upstream"]
    run_id = json.loads(typed.ok("ls", "--json", "-n", "1"))[0]["id"]
    assert run_id[:12] in offered(typed, f"gtrack show {run_id[:2]}")


def test_where_there_is_no_repository_or_a_broken_one_nothing_is_said(typed, outside):
    assert offered(outside, "gtrack show ba") == []
    assert offered(outside, f"gtrack -C {typed.root} show basel") == ["baseline"]
    assert "show" in offered(outside, "gtrack sh")
    (typed.root / ".git" / "refs" / "heads" / "gtrack").write_text("nonsense\n")
    done = typed.gtrack(_GTRACK_COMPLETE="bash_complete", COMP_WORDS="gtrack show ba")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_completing_changes_nothing_and_records_nobodys_run(typed):
    code = "import gtrack, os, signal; gtrack.start_run('victim'); os.kill(os.getpid(), signal.SIGKILL)"
    typed.run(sys.executable, "-c", code)
    before = typed.git("for-each-ref"), sorted(os.listdir(typed.root)), typed.git("status", "--porcelain")
    assert offered(typed, "gtrack show vic") == ["victim"]
    offered(typed, "gtrack ls --metric v")
    assert before == (typed.git("for-each-ref"), sorted(os.listdir(typed.root)), typed.git("status", "--porcelain"))


@pytest.mark.parametrize(
    ("line", "word", "given"),
    [
        ("gtrack ls --sort=-m", "--sort=-metrics.x", "-metrics.x"),
        ("gtrack show name:ba", "name:baseline", "baseline"),
        ("gtrack show 'ba", "baseline", "baseline"),
        ("gtrack ls --where='a AND m", "--where=a AND metrics.x", "a AND metrics.x"),
        ("gtrack show it", "it's", "it\\'s"),
        ("gtrack show 'it", "it's", None),
        ('gtrack show "a', "a$(b)", None),
        ("gtrack show 'a'b", "abc", None),
        ("gtrack show ", "~root", None),
    ],
)
def test_bash_is_given_what_belongs_behind_its_word_breaks_and_quotes(line, word, given):
    assert bash_word(read_line(line), word) == given


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1), st.data())
def test_what_bash_is_given_reads_back_as_the_word_that_was_meant(word, data):
    typed_part = word[: data.draw(st.integers(0, len(word)))]
    ways = {
        "plain": "".join(c if c.isalnum() and c.isascii() else f"\\{c}" for c in typed_part),
        "single": "'" + typed_part,
        "double": '"' + "".join(f"\\{c}" if c in '"$`\\!' else c for c in typed_part),
    }
    way = data.draw(st.sampled_from(sorted(ways)))
    line = read_line(f"gtrack show {ways[way]}")
    assert line.current == typed_part
    given_back = bash_word(line, word)
    if given_back is None:
        assert way != "plain" or word.startswith("~")
    elif way == "plain":
        assert read_line(f"{given_back} ").words == (word,)
        assert shlex.split(given_back, posix=True) == [word]
    else:
        quote = ways[way][0]
        assert shlex.split(quote + given_back + quote) == [word]


@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs")))))
def test_a_line_is_read_as_a_shell_splits_it(words):
    line = read_line(" ".join(map(shlex.quote, words)) + " ")
    assert (list(line.words), line.current, line.quote) == (words, "", "")


@given(st.text())
def test_any_line_can_be_read(text):
    line = read_line(text)
    assert line.quote in ("", "'", '"')


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_of_a_shell_is_one_it_can_read(project, name, tmp_path):
    path: Path = tmp_path / "script"
    path.write_text(project.ok("completion", name))
    assert project.run(shell(name), "-n", str(path)).err == ""
