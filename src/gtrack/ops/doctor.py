"""What gtrack needs on this machine and in this repository, and whether it is there. Changes nothing."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gtrack import __version__
from gtrack.branch.commit import FORMAT_FILE, read_format
from gtrack.branch.git import Git
from gtrack.branch.repository import Repository
from gtrack.config import Settings
from gtrack.errors import GtrackError
from gtrack.ops.setup import has_textconv
from gtrack.paths import RepositoryPaths, find_repository

__all__ = ["Check", "examine"]

_OLDEST_GIT = (2, 25)
_LOW_DISK = 1024**3
_NO_DISK = 50 * 1024**2
_EXTRAS = {"demo": "sklearn"}


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found.

    Attributes:
        name: What was looked at.
        level: ``ok``, ``warn`` or ``fail``.
        detail: What was found, in one line.
        hint: What to type about it, or None.
    """

    name: str
    level: str
    detail: str
    hint: str | None = None


def examine(path: str, env: Mapping[str, str]) -> list[Check]:
    """Look at everything gtrack needs in a directory.

    Args:
        path: Where gtrack would be used.
        env: The environment of the process.
    """
    checks = [_python(), Check("gtrack", "ok", __version__), _git(env), *_extras()]
    try:
        paths = find_repository(path, env)
        repo = Repository(path, env)
    except GtrackError as error:
        return [*checks, Check("repository", "fail", error.message, error.hint), *_spools(None, env)]
    with repo:
        checks.append(_repository(repo))
        for look in (_owner, _identity, _branch, _textconv):
            checks.append(_guarded(look, repo))
        checks += _spools(repo, env)
        checks.append(_disk(paths))
        checks += _hazards(repo)
    return checks


def _guarded(look: Callable[[Repository], Check], repo: Repository) -> Check:
    """A look that stumbles is a finding of its own, and the others go on."""
    try:
        return look(repo)
    except GtrackError as error:
        return Check(look.__name__.strip("_"), "fail", error.message, error.hint)
    except (OSError, ValueError, KeyError) as error:
        return Check(look.__name__.strip("_"), "fail", f"{type(error).__name__}: {error}", "gtrack fsck")


def _python() -> Check:
    return Check("python", "ok", f"{'.'.join(map(str, sys.version_info[:3]))} ({sys.executable})")


def _git(env: Mapping[str, str]) -> Check:
    git = Git.find(env)
    if git is None:
        return Check(
            "git",
            "warn",
            "not on the PATH: no snapshots of uncommitted code",
            "install git, for example: apt install git",
        )
    try:
        said = git.run(["version"], timeout=20).decode("utf-8", "replace").strip()
    except GtrackError as error:
        return Check("git", "fail", error.message, error.hint)
    version = re.search(r"(\d+)\.(\d+)", said)
    if version and (int(version[1]), int(version[2])) < _OLDEST_GIT:
        return Check("git", "warn", f"{said} is older than 2.25: snapshots may fail", "install a newer git")
    return Check("git", "ok", f"{said.removeprefix('git version ')} ({git.executable})")


def _extras() -> Iterator[Check]:
    from importlib.util import find_spec

    found = [extra for extra, module in _EXTRAS.items() if find_spec(module) is not None]
    missing = [extra for extra in _EXTRAS if extra not in found]
    detail = ", ".join(found) or "none installed"
    yield Check("extras", "ok", detail, f"pip install 'gtrack[{','.join(missing)}]'" if missing else None)


def _repository(repo: Repository) -> Check:
    paths = repo.paths
    kinds = ["bare"] if paths.work_tree is None else []
    if paths.git_dir != paths.common_dir:
        kinds.append("linked worktree")
    if os.path.exists(os.path.join(paths.common_dir, "shallow")):
        kinds.append("shallow")
    if any(repo.config.get(f"remote.{name}.promisor") for name in repo.config.subsections("remote")):
        kinds.append("partial clone")
    if repo.object_format != "sha1":
        kinds.append(repo.object_format)
    return Check("repository", "ok", f"{paths.root}{' (' + ', '.join(kinds) + ')' if kinds else ''}")


def _owner(repo: Repository) -> Check:
    # Opening the repository has refused those of others that safe.directory does not name.
    mine = os.stat(repo.paths.git_dir).st_uid == os.geteuid()
    return Check("owner", "ok", "you" if mine else "another user, whom safe.directory trusts")


def _identity(repo: Repository) -> Check:
    from gtrack.branch.author import author

    by = author(repo.config, repo.env)
    names = repo.env.get("GIT_AUTHOR_NAME") or repo.config.get("author.name") or repo.config.get("user.name")
    emails = repo.env.get("GIT_AUTHOR_EMAIL") or repo.config.get("author.email") or repo.config.get("user.email")
    if names and (emails or repo.env.get("EMAIL")):
        return Check("identity", "ok", by)
    key, example = ("user.email", "ada@example.org") if names else ("user.name", '"Ada Lovelace"')
    return Check(
        "identity", "warn", f"git has no {key}: runs are recorded by {by}", f"git config --global {key} {example}"
    )


def _branch(repo: Repository) -> Check:
    short = repo.branch.removeprefix("refs/heads/")
    inside = repo.refs.names(repo.branch + "/")
    if inside:
        other = inside[0].removeprefix("refs/heads/")
        return Check(
            "branch",
            "fail",
            f"the branch {other!r} stands in the way of {short!r}",
            f"git branch -m {other} old-{other}",
        )
    where = repo.checked_out_in()
    if where is not None:
        return Check(
            "branch",
            "fail",
            f"{short!r} is checked out ({where}): gtrack does not commit to it",
            "git switch to another branch",
        )
    tip = repo.tip
    if tip is None:
        return Check("branch", "ok", f"{short!r} is not there yet; the first run makes it")
    entry = repo.objects.find(repo.tree_of(tip), FORMAT_FILE)
    if entry is None:
        return Check(
            "branch",
            "fail",
            f"{short!r} holds no runs: it is a branch of something else",
            "git config gtrack.branch runs",
        )
    version, _ = read_format(repo.read_blob(entry[1]))
    return Check("branch", "ok", f"{short!r} at {tip[:7]}, format {version}")


def _textconv(repo: Repository) -> Check:
    if has_textconv(repo):
        return Check("textconv", "ok", "git diff and git log -p show recorded files as text")
    return Check("textconv", "ok", "off: git diff shows recorded files as binary", "gtrack init --textconv")


def _spools(repo: Repository | None, env: Mapping[str, str]) -> Iterator[Check]:
    try:
        settings = Settings.from_env(env)
    except GtrackError as error:
        yield Check("settings", "fail", error.message, error.hint)
        return
    folder = settings.spool or (repo.paths.spool if repo is not None else settings.state_spool)
    yield _writable(folder)
    if repo is not None:
        yield _guarded(lambda r: _live(r, settings), repo)


def _writable(folder: str) -> Check:
    """Try a file and a lock in a folder, or in what it would be made in."""
    where = os.path.abspath(folder)
    while not os.path.isdir(where) and os.path.dirname(where) != where:
        where = os.path.dirname(where)
    try:
        with tempfile.TemporaryFile(dir=where) as first:
            try:
                fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return Check(
                    "spool",
                    "warn",
                    f"{where} has no file locks ({error.strerror}): killed runs are found late",
                    "export GTRACK_SPOOL=/a/local/disk",
                )
    except OSError as error:
        return Check(
            "spool", "fail", f"{where} cannot be written: {error.strerror}", "export GTRACK_SPOOL=/a/writable/folder"
        )
    return Check("spool", "ok", f"{folder} can be written and locked")


def _live(repo: Repository, settings: Settings) -> Check:
    from gtrack.ops.recover import spools_of

    runs = spools_of(repo, settings.extra_spools)
    live = sum(any(writer.is_alive() for writer in run.writers()) for run in runs)
    ended = len(runs) - live
    if ended:
        return Check("live runs", "warn", f"{live} live, {ended} ended and not recorded yet", "gtrack ls")
    return Check("live runs", "ok", str(live) if live else "none")


def _disk(paths: RepositoryPaths) -> Check:
    free = shutil.disk_usage(paths.common_dir).free
    detail = f"{free / 1024**3:.1f} GiB free"
    if free < _LOW_DISK:
        return Check("disk", "fail" if free < _NO_DISK else "warn", detail, f"df -h {paths.common_dir}")
    return Check("disk", "ok", detail)


def _hazards(repo: Repository) -> Iterator[Check]:
    """Configuration under which git itself would lose runs, or publish them by surprise."""
    found = [*_remote_hazards(repo), *_maintenance_hazards(repo)]
    yield from found or [Check("git config", "ok", "nothing in it endangers the runs")]


def _remote_hazards(repo: Repository) -> Iterator[Check]:
    config, branch = repo.config, repo.branch
    for name in config.subsections("remote"):
        if config.flag(f"remote.{name}.mirror"):
            yield Check(
                "git config",
                "warn",
                f"git push {name} mirrors: it publishes unshared snapshots, and deletes runs that only {name} has",
                f"git config --unset remote.{name}.mirror",
            )
        fetched = config.get_all(f"remote.{name}.fetch")
        if any(spec.lstrip("+").rpartition(":")[2] in ("refs/*", "refs/heads/*", branch) for spec in fetched):
            yield Check(
                "git config",
                "warn",
                f"git fetch {name} overwrites the local branch of the runs",
                f"git config remote.{name}.fetch '+refs/heads/*:refs/remotes/{name}/*'",
            )
        elif name == repo.remote and fetched and not any(_covers(spec, branch) for spec in fetched):
            short = branch.removeprefix("refs/heads/")
            yield Check(
                "git config",
                "warn",
                f"git fetch {name} does not bring the branch of the runs",
                f"git remote set-branches --add {name} {short}",
            )


def _covers(spec: str, branch: str) -> bool:
    source = spec.lstrip("+").partition(":")[0]
    return source == branch or (source.endswith("*") and branch.startswith(source[:-1]))


def _maintenance_hazards(repo: Repository) -> Iterator[Check]:
    if (repo.config.get("gc.pruneExpire") or "").lower() in ("now", "all"):
        yield Check(
            "git config",
            "warn",
            "gc.pruneExpire lets git gc delete objects that are just being written",
            "git config --unset gc.pruneExpire",
        )
