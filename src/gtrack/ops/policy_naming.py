"""A name for a run by the policy's template, from what the run is given and the names that there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from gtrack.clock import iso, now_ns
from gtrack.errors import GtrackError
from gtrack.ids import SHORT
from gtrack.index.configuration import is_seed
from gtrack.index.fields import lookup
from gtrack.model.nested import flatten
from gtrack.model.policy_names import Template, next_number
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.model.policy import RunRules
    from gtrack.ops.begin import Request

__all__ = ["make_name"]

_LONGEST = 80
_MOST_PARAMS = 4


def make_name(
    repo: Repository, template: Template, request: Request, run_id: str, rules: RunRules, *, count: bool = True
) -> tuple[str, tuple[str, ...]]:
    """Make a name.

    Args:
        repo: The repository, for its name and the names of its runs.
        template: The template.
        request: What the run is given.
        run_id: Its id.
        rules: The policy; params that it asks of every run are no key params.
        count: Look at the runs that there are for the next number; else it is 1.

    Returns:
        The name, and the fields that nothing stands for: where there are any, the name is of no use.
    """

    def number(before: str) -> int:
        return _next(repo, before) if count else 1

    known = {*rules.params, *template.fields, "model_type"}
    made: Mapping[str, Callable[[str], str | None]] = {
        "version": lambda before: f"v{number(before)}",
        "project": lambda _: _project(repo),
        "model": lambda _: _given(request, "model_type"),
        "key-params": lambda _: ",".join(_key_params(request.params, known)) or "default",
        "experiment": lambda _: request.experiment,
        "user": lambda _: _user(repo),
        "date": lambda _: iso(now_ns() // 1000)[:10],
        "id": lambda _: run_id[:SHORT],
    }

    def value(field: str, before: str) -> str | None:
        if field == "index":
            return str(number(before))
        return _given(request, field) or (made[field](before) if field in made else None)

    return template.fill(value)


def _given(request: Request, field: str) -> str | None:
    """Return what a param, else a tag, says; also of ``feature-set`` for ``feature_set``."""
    for key in (field, field.replace("-", "_")):
        for values in (request.params, request.tags):
            text = _text(lookup(values, key))
            if text:
                return text
    return None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, Mapping | list | tuple):
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "-".join(clean(text).split())[:_LONGEST] or None


def _key_params(params: Mapping[str, object], known: set[str]) -> Iterator[str]:
    count = 0
    for key, value in flatten(params):
        text = _text(value)
        if text is not None and key not in known and not is_seed(key) and count < _MOST_PARAMS:
            count += 1
            yield f"{key.rpartition('.')[2]}={text}"


def _project(repo: Repository) -> str:
    """Return what the repository is called where it is shared, else the name of its folder."""
    url = repo.config.get(f"remote.{repo.remote}.url") if repo.remote else None
    last = (url or "").rstrip("/").removesuffix(".git").rpartition("/")[2].rpartition(":")[2]
    folder = os.path.basename(os.path.realpath(repo.paths.root)).removesuffix(".git")
    return _text(last) or _text(folder) or "project"


def _user(repo: Repository) -> str | None:
    from gtrack.branch.author import author

    return _text(author(repo.config, repo.env).rpartition("<")[2].partition("@")[0].rstrip(">"))


def _next(repo: Repository, before: str) -> int:
    """Return the next number after a text, by the runs that are known here. Two that start at once may get one."""
    from gtrack.ops.view import View

    length, text = len(before), before.replace("'", "''")
    asked = f"SELECT name FROM runs WHERE substr(name, 1, {length:d}) = '{text}'"  # noqa: S608  # quoted; it only reads
    try:
        rows = View(repo).sql(asked).rows
    except (GtrackError, OSError):
        return 1  # no name is worth a training
    return next_number(before, [name for (name,) in rows if isinstance(name, str)])
