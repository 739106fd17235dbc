"""A repository's own configuration is read without git as git reads it, whatever is in the file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gtrack.branch import gitconfig
from gtrack.branch.gitconfig import read_repository_config

PLAIN = """\
# a comment
[core]
\trepositoryformatversion = 0
\tbare = false
[remote "origin/Two"]
\turl = git@example.org:team/runs.git
\tfetch = +refs/heads/*:refs/remotes/origin/*
\tfetch = +refs/heads/gtrack*:refs/remotes/origin/gtrack*
[extensions]
  worktreeConfig
"""
ODD = {
    "quotes": '[user]\n\tname = "Ada; L"\n',
    "comment": "[user]\n\tname = Ada # L\n",
    "escape": "[user]\n\tname = Ada\\tL\n",
    "one line": "[user] name = Ada\n",
    "quoted section": '[remote "a\\"b"]\n\turl = x\n',
}


def as_git_reads(path: Path) -> dict[str, list[str]]:
    raw = subprocess.run(["git", "config", "--file", path, "--null", "--list"], check=True, capture_output=True).stdout
    out: dict[str, list[str]] = {}
    for entry in raw.decode().split("\0")[:-1]:
        key, newline, value = entry.partition("\n")
        out.setdefault(key, []).append(value if newline else "true")
    return out


@pytest.mark.parametrize("text", [PLAIN, *ODD.values()], ids=["plain", *ODD])
def test_a_configuration_is_read_as_git_reads_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    config = read_repository_config(str(tmp_path))
    for key, values in as_git_reads(tmp_path / "config").items():
        assert config.get_all(key) == values


def test_what_git_itself_writes_needs_no_other_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(gitconfig, "_parse_by_dulwich", fail)
    subprocess.run(["git", "init", "-q", tmp_path / "o"], check=True)
    subprocess.run(["git", "clone", "-q", tmp_path / "o", tmp_path / "c"], check=True, capture_output=True)
    config = read_repository_config(str(tmp_path / "c" / ".git"))
    assert config.get("remote.origin.url") == str(tmp_path / "o")
    assert config.get("core.bare") == "false"
