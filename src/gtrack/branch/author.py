"""Who a record is by: git's own notion of it."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping

from gtrack.branch.gitconfig import GitConfig

__all__ = ["author"]

_CRUD = re.compile(r"[\x00-\x1f<>\x7f]+")


def author(config: GitConfig | None, env: Mapping[str, str]) -> str:
    """Return ``Name <email>`` as git would put it on a commit, with a fallback where git would refuse.

    Args:
        config: The git configuration, or None without a repository.
        env: The environment; ``GIT_AUTHOR_NAME`` and ``GIT_AUTHOR_EMAIL`` come first, as in git.
    """

    def configured(key: str) -> str | None:
        return config.get(key) if config is not None else None

    name = env.get("GIT_AUTHOR_NAME") or configured("author.name") or configured("user.name")
    email = env.get("GIT_AUTHOR_EMAIL") or configured("author.email") or configured("user.email") or env.get("EMAIL")
    login = _login(env)
    name = _CRUD.sub(" ", name or login).strip() or "unknown"
    email = _CRUD.sub("", email or f"{login}@{os.uname().nodename}").strip() or "unknown"
    return f"{name} <{email}>"


def _login(env: Mapping[str, str]) -> str:
    try:
        return env.get("USER") or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # a container whose uid has no name
