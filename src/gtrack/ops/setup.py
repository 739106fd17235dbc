"""The explicit set-up of a repository: its remote, the branch, the hooks, and the diff driver for recorded files."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from gtrack.branch.hooks import HOOKS, install_hooks, remove_hooks, shared_hooks
from gtrack.branch.repository import Repository
from gtrack.errors import GitError, RepositoryError
from gtrack.ops.setup_remote import choose_remote

if TYPE_CHECKING:
    from gtrack.reader import Repo

__all__ = ["has_textconv", "init"]

_CONFIG = {"diff.gtrack.textconv": "gtrack textconv", "diff.gtrack.binary": "true"}
# Patterns with a slash are anchored at the root of the tree, and no code keeps files under such names there.
# https://git-scm.com/docs/gitattributes
_ATTRIBUTES = (
    "/runs/*/*/metrics-*.parquet diff=gtrack",
    "/runs/*/*/system-*.parquet diff=gtrack",
    "/runs/*/*/preview-*.parquet diff=gtrack",
    "/runs/*/*/console-*.log.gz diff=gtrack",
)


def init(repo: Repo, *, remote: str | None = None, textconv: bool = False, hooks: bool | None = None) -> list[str]:
    """Set a repository up, as far as that is not done.

    Args:
        repo: The repository.
        remote: The remote that runs are shared through: a name, or the URL of a repository.
        textconv: Set up the diff driver, too.
        hooks: Install the hooks, too; False takes them away.

    Returns:
        What was done or found, one sentence each.

    Raises:
        NotFoundError: There is no such remote.
        UsageError: The URL is none that git may be given.
        ConflictError: Another remote, or a hook, stands in the way.
        RepositoryError: The branch cannot be made, or there is no git to configure.
        OSError: The repository cannot be written.
    """
    chosen = choose_remote(repo.repository, remote) if remote is not None else []
    done = [_make_branch(repo)]
    if textconv:
        done.append(_add_textconv(repo.repository))
    if hooks is not None:
        done += _set_hooks(repo.repository, wanted=hooks)
    return [*chosen[:-1], *done, *chosen[-1:]]  # what comes next is said last


def has_textconv(repo: Repository) -> bool:
    """Tell whether ``git diff`` shows recorded files as text in this clone."""
    lines = _read(_attributes_path(repo)).splitlines()
    return all(repo.config.get(key) == value for key, value in _CONFIG.items()) and set(_ATTRIBUTES) <= set(lines)


def _make_branch(repo: Repo) -> str:
    repository = repo.repository
    short = repository.branch.removeprefix("refs/heads/")
    remote_tip = repository.remote_tip
    if repository.tip is None and remote_tip is not None:
        with repository.lock():
            # Starting from what the team has keeps the next push a plain fast-forward.
            if repository.refs.compare_and_set(repository.branch, None, remote_tip):
                return f"made the branch {short}, at {repository.remote}/{short}"
    if repo.ensure_branch():
        return f"made the branch {short}, with nothing on it but FORMAT and README.md"
    return f"the branch {short} is there already"


def _set_hooks(repo: Repository, *, wanted: bool) -> list[str]:
    if not wanted:
        return remove_hooks(repo)
    shared = shared_hooks(repo)
    if shared is None:
        return install_hooks(repo, sys.executable)
    lines = (f'as the last line of its hook {name}: gtrack hook {name} "$@"' for name in HOOKS)
    return [f"{shared}; gtrack changes nothing there. Add the hooks yourself:", *lines]


def _add_textconv(repo: Repository) -> str:
    if has_textconv(repo):
        return "git diff and git log -p show recorded files as text already"
    if repo.git is None:
        raise RepositoryError("there is no git on the PATH whose configuration could be set", hint="install git")
    for key, value in _CONFIG.items():
        try:
            repo.git.run(["config", "--local", key, value], git_dir=repo.paths.git_dir)
        except GitError as error:
            raise RepositoryError(f"git config {key} could not be set: {error.message}") from error
    path = _attributes_path(repo)
    text = _read(path)
    missing = [line for line in _ATTRIBUTES if line not in text.splitlines()]
    if missing:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(("" if not text or text.endswith("\n") else "\n") + "".join(line + "\n" for line in missing))
    return "git diff and git log -p show recorded files as text from now on (diff.gtrack in this clone's git config)"


def _attributes_path(repo: Repository) -> str:
    return os.path.join(repo.paths.common_dir, "info", "attributes")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""
