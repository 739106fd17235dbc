"""The git configuration, as git itself reads it, or through dulwich where there is no git."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from gtrack.branch.git import Git
from gtrack.errors import GitError
from gtrack.paths import RepositoryPaths

__all__ = ["GitConfig", "read_git_config", "read_repository_config"]

_SECTION = re.compile(r'\[([A-Za-z0-9-]+)(?: +"([^"\\]*)")?\]\Z')
_VARIABLE = re.compile(r'([A-Za-z][A-Za-z0-9-]*)[ \t]*(?:=([^"\\#;]*))?\Z')


class GitConfig:
    """Git configuration values by key; section and variable in lower case, subsection as written."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for key, value in items:
            self._values.setdefault(_normal(key), []).append(value)

    def get(self, key: str) -> str | None:
        """Return the value that stands, which is the last, or None."""
        values = self._values.get(_normal(key))
        return values[-1] if values else None

    def get_all(self, key: str) -> list[str]:
        """Return all values of a key, first to last."""
        return list(self._values.get(_normal(key), ()))

    def flag(self, key: str, default: bool = False) -> bool:
        """Return a boolean as git reads it."""
        value = self.get(key)
        return default if value is None else value.lower() in ("true", "yes", "on", "1", "")

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that start with a prefix."""
        return [key for key in self._values if key.startswith(prefix)]

    def subsections(self, section: str) -> list[str]:
        """Return the names in ``[section "name"]``, sorted."""
        found = {key[len(section) + 1 :].rpartition(".")[0] for key in self._values if key.startswith(section + ".")}
        return sorted(found - {""})


def read_git_config(paths: RepositoryPaths | None, git: Git | None, env: Mapping[str, str]) -> GitConfig:
    """Read the configuration that applies in a repository, or outside of any when ``paths`` is None.

    Includes, conditional includes and ``GIT_CONFIG_*`` are git's business, so git is asked where there is one.
    """
    if git is not None:
        try:
            if paths is None:
                raw = git.run(["config", "--null", "--list", "--global"]) + _system(git)
            else:
                # With hooks, or core.hooksPath would be what gtrack sets it to for its own processes.
                raw = git.run(["config", "--null", "--list"], git_dir=paths.git_dir, hooks=True)
            entries = raw.decode("utf-8", "surrogateescape").split("\0")
            return GitConfig((e.partition("\n")[0], e.partition("\n")[2]) for e in entries if e)
        except GitError:
            pass
    return GitConfig(_by_dulwich(paths, env))


def read_repository_config(common_dir: str) -> GitConfig:
    """Read a repository's own ``config`` file alone, without git."""
    return GitConfig(_file(os.path.join(common_dir, "config")))


def _system(git: Git) -> bytes:
    try:
        return git.run(["config", "--null", "--list", "--system"])
    except GitError:
        return b""


def _by_dulwich(paths: RepositoryPaths | None, env: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    home = env.get("HOME") or os.path.expanduser("~")
    files = [
        "/etc/gitconfig",
        os.path.join(env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "git", "config"),
        os.path.join(home, ".gitconfig"),
    ]
    if env.get("GIT_CONFIG_GLOBAL"):
        files[1:] = [env["GIT_CONFIG_GLOBAL"]]
    if paths is not None:
        files.append(os.path.join(paths.common_dir, "config"))
    for path in files:
        yield from _file(path)


def _file(path: str) -> Iterable[tuple[str, str]]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError:
        return []
    plain = _parse_plain(text)
    return list(_parse_by_dulwich(path)) if plain is None else plain


def _parse_plain(text: str) -> list[tuple[str, str]] | None:
    """Read a file without quotes, escapes and comments behind values, as git writes nearly all; None for another.

    The first start of a run in a process would wait ten milliseconds for dulwich's reader to be imported.
    See git-config(1), "Syntax".
    """
    out: list[tuple[str, str]] = []
    section = ""
    for line in map(str.strip, text.split("\n")):
        if not line or line[0] in "#;":
            continue
        head, variable = _SECTION.match(line), _VARIABLE.match(line)
        if head is not None:
            section = head[1] + (f".{head[2]}" if head[2] is not None else "")
        elif variable is not None and section:
            out.append((f"{section}.{variable[1]}", "true" if variable[2] is None else variable[2].strip()))
        else:
            return None
    return out


def _parse_by_dulwich(path: str) -> Iterable[tuple[str, str]]:
    from dulwich.config import ConfigFile

    try:
        config = ConfigFile.from_path(path)
    except (OSError, ValueError):
        return
    for section in config.sections():
        for key, value in config.items(section):
            name = b".".join([*section, key]).decode("utf-8", "surrogateescape")
            yield name, value.decode("utf-8", "surrogateescape")


def _normal(key: str) -> str:
    section, _, rest = key.partition(".")
    middle, dot, name = rest.rpartition(".")
    return f"{section.lower()}.{middle}{dot}{name.lower()}"
