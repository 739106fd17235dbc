"""Hooks of git: put beside those that are there, and taken away again.

A hook that was there before keeps working: it is moved aside to ``<name>.before-gtrack`` and called first, with the
same arguments and input, and its exit code stands (`githooks(5) <https://git-scm.com/docs/githooks>`_).
"""

from __future__ import annotations

import contextlib
import os
import shlex

from gtrack.branch.repository import Repository
from gtrack.errors import ConflictError

__all__ = ["ASIDE", "HOOKS", "REFUSED", "hooks_folder", "install_hooks", "remove_hooks", "shared_hooks"]

HOOKS = {
    "pre-push": "sends runs along with a push of code",
    "post-commit": "records the files that gtrack.yaml names under on_commit",
}
"""The hooks that gtrack has, and what each does."""
ASIDE = ".before-gtrack"
"""What is added to the name of a hook that was there before."""
REFUSED = 4
"""The exit code of ``gtrack hook`` that stops git; any other one is trouble of ours, which must not."""

_MARK = "# A hook of gtrack:"
# The framework `pre-commit <https://pre-commit.com>`_ moves hooks that it finds there, and calls them first.
_SLOTS = ("", ".legacy")
_LARGEST = 1 << 20

_PRE_PUSH = """\
#!/bin/sh
{mark} {what}. "gtrack init --no-hooks" takes it away.
lines=$(cat)
send() {{
    [ -z "$lines" ] || printf '%s\\n' "$lines"
}}
if [ -x "${{0%/*}}/{aside}" ]; then
    send | "${{0%/*}}/{aside}" "$@" || exit
fi
if command -v gtrack >/dev/null 2>&1; then
    send | gtrack hook pre-push "$@"
elif [ -x {python} ]; then
    send | {python} -m gtrack hook pre-push "$@"
else
    echo "gtrack: not on the PATH, so runs are not sent along (gtrack init --no-hooks removes this hook)" >&2
fi
[ $? -ne {refused} ]
"""

_POST_COMMIT = """\
#!/bin/sh
{mark} {what}. "gtrack init --no-hooks" takes it away.
code=0
if [ -x "${{0%/*}}/{aside}" ]; then
    "${{0%/*}}/{aside}" "$@" || code=$?
fi
if command -v gtrack >/dev/null 2>&1; then
    gtrack hook post-commit </dev/null
elif [ -x {python} ]; then
    {python} -m gtrack hook post-commit </dev/null
else
    echo "gtrack: not on the PATH, so no run is recorded (gtrack init --no-hooks removes this hook)" >&2
fi
exit $code
"""

_SCRIPTS = {"pre-push": _PRE_PUSH, "post-commit": _POST_COMMIT}


def hooks_folder(repo: Repository) -> str:
    """Return the folder in which git looks for this repository's hooks, all of its worktrees' included."""
    configured = _configured(repo)
    if not configured:
        return os.path.join(repo.paths.common_dir, "hooks")
    # A relative path counts from where hooks are run: the top of the checkout, or the git directory of a bare one.
    return os.path.normpath(os.path.join(repo.paths.root, os.path.expanduser(configured)))


def shared_hooks(repo: Repository) -> str | None:
    """Return why the folder of hooks is not this clone's own, or None when it is.

    ``core.hooksPath`` may lead into the work tree, whose files are the team's (husky), or to hooks of many
    repositories: gtrack writes to neither.
    """
    folder = os.path.realpath(hooks_folder(repo))
    configured = _configured(repo)
    if _is_in(folder, repo.paths.common_dir) or not configured:
        return None
    if repo.paths.work_tree is not None and _is_in(folder, repo.paths.work_tree):
        return f"core.hooksPath is {configured}, in the work tree, where files are the team's"
    return f"core.hooksPath is {configured}, outside this repository"


def install_hooks(repo: Repository, python: str) -> list[str]:
    """Install the hooks; those that are there are left alone.

    Args:
        repo: The repository; :func:`shared_hooks` says that its hooks are its own.
        python: The interpreter that is asked where there is no ``gtrack`` on the PATH.

    Returns:
        What was done, a sentence for each hook.

    Raises:
        ConflictError: A hook stands in the way of one that was moved aside.
        OSError: The folder cannot be written.
    """
    folder = hooks_folder(repo)
    os.makedirs(folder, exist_ok=True)
    return [_install(folder, name, _script(name, python)) for name in HOOKS]


def remove_hooks(repo: Repository) -> list[str]:
    """Take the hooks away, and put back those that were there before.

    Args:
        repo: The repository.

    Returns:
        What was done, a sentence for each hook.

    Raises:
        OSError: The folder cannot be written.
    """
    folder = hooks_folder(repo)
    return [_remove(folder, name) for name in HOOKS]


def _configured(repo: Repository) -> str:
    """Return ``core.hooksPath``, or nothing; asked for by itself, since gtrack runs git without hooks otherwise."""
    if repo.git is None:
        return repo.config.get("core.hooksPath") or ""
    raw = repo.git.run(["config", "--get", "core.hooksPath"], git_dir=repo.paths.git_dir, hooks=True, check=False)
    return raw.decode("utf-8", "surrogateescape").removesuffix("\n")


def _script(name: str, python: str) -> str:
    return _SCRIPTS[name].format(
        mark=_MARK, what=HOOKS[name], aside=name + ASIDE, python=shlex.quote(python), refused=REFUSED
    )


def _install(folder: str, name: str, script: str) -> str:
    path = os.path.join(folder, name)
    aside = path + ASIDE
    slot = _slot(path)
    if slot is not None:
        if _read(slot) == script:
            return f"the hook {name} is installed already"
        _write(slot, script)
        return f"brought the hook {name} up to date"
    if os.path.lexists(path):
        if os.path.lexists(aside):
            raise ConflictError(
                f"{path} is not gtrack's, and {os.path.basename(aside)} was moved aside before: which of them counts?",
                hint=f"remove one of them, for example: rm {shlex.quote(aside)}",
            )
        os.rename(path, aside)
    _write(path, script)
    kept = f"; the one that was there is kept as {os.path.basename(aside)} and called first"
    return f"installed the hook {name}: it {HOOKS[name]}{kept if os.path.lexists(aside) else ''}"


def _remove(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    slot = _slot(path)
    if slot is None:
        return f"there is no hook {name} of gtrack's"
    if os.path.lexists(path + ASIDE):
        os.replace(path + ASIDE, slot)
        return f"removed the hook {name}; the one that was there before is back"
    os.unlink(slot)
    return f"removed the hook {name}"


def _slot(path: str) -> str | None:
    """Return the file that holds gtrack's hook: the hook itself, or what another framework made of it."""
    return next((path + suffix for suffix in _SLOTS if _MARK in _read(path + suffix)), None)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST)
    except OSError:
        return ""


def _write(path: str, script: str) -> None:
    """Write an executable file whole: git may be about to call the hook."""
    draft = f"{path}.{os.getpid()}.new"
    try:
        # As git makes the hooks of its templates: everybody may run them whom the umask lets.
        fd = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o777)
        with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(script)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _is_in(path: str, folder: str) -> bool:
    return os.path.commonpath([path, os.path.realpath(folder)]) == os.path.realpath(folder)
