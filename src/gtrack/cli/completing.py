"""What a shell is offered while a command is typed: runs, metrics, params, fields, experiments, remotes, branches.

Each ``complete_...`` has click's signature for ``shell_complete``. They are quick, for they ask for few runs, and they
only say what there is: that trouble offers nothing, and how a word is quoted, is the business of
:mod:`gtrack.cli.shells`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING

from gtrack.text import clean

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

    from gtrack.index.query import Query
    from gtrack.model.artifact import Artifact
    from gtrack.model.state import RunState
    from gtrack.reader import Repo

__all__ = [
    "complete_artifact",
    "complete_experiment",
    "complete_field",
    "complete_fields",
    "complete_file",
    "complete_filter",
    "complete_metric",
    "complete_param",
    "complete_remote",
    "complete_revision",
    "complete_run",
    "complete_tag",
    "completer",
]

Offer = Iterable[tuple[str, str]]
"""What can be typed, and what it is."""
Completer = Callable[["click.Context", "click.Parameter", str], "list[CompletionItem]"]

_MOST = 200
_LONGEST = 200
_LAST_WORD = re.compile(r"[\w.@/:-]*\Z")
_LAST_FIELD = re.compile(r"(?:.*,)?-?", re.DOTALL)
_FORCED = re.compile(r"(run|name|rev):")


def completer(offer: Callable[[Repo, str], Offer]) -> Completer:
    """Make a function of the repository and the word typed so far one that click can call.

    Args:
        offer: Returns what can be typed, and what it is in a few words.

    Example:
        >>> @completer
        ... def complete_experiment(repo: Repo, typed: str) -> Offer: ...
    """

    @wraps(offer)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
        from gtrack.reader import Repo

        root = ctx.find_root()
        with Repo(root.params.get("path") or ".", env=root.obj.env) as repo:
            return _items(offer(repo, incomplete))

    return complete


@completer
def complete_run(repo: Repo, typed: str) -> Offer:
    """Offer ``last`` and names, ids after two digits, and branches and tags after anything; ends of a range too."""
    return _offered_runs(repo, typed)


def _offered_runs(repo: Repo, typed: str) -> Iterator[tuple[str, str]]:
    forced = _FORCED.match(typed)
    kind, prefix = (forced[1], forced[0]) if forced else (None, "")
    typed = typed[len(prefix) :]
    runs = [] if kind == "rev" else _runs(repo, typed)
    if kind is None and "last".startswith(typed):
        yield "last", "the newest run"
    if kind in (None, "name"):
        yield from ((prefix + run.name, f"{run.status} {run.experiment}") for run in runs if run.name.startswith(typed))
    if kind == "run" or (kind is None and len(typed) >= 2):
        yield from ((prefix + run.id[:12], run.name) for run in runs if run.id.startswith(typed))
    if kind == "rev" or (kind is None and typed):
        yield from ((prefix + name, "the latest run of that commit") for name in _revisions(repo, typed))
    if kind is None and ".." in typed:
        yield from ((name, "") for name in _range_ends(repo, typed))


@completer
def complete_artifact(repo: Repo, typed: str) -> Offer:
    """Offer runs and, after a slash, the paths of a run's artifacts, one folder at a time."""
    from gtrack.errors import NotFoundError
    from gtrack.ops.artifacts import artifacts_of
    from gtrack.ops.view import View

    run, slash, path = typed.partition("/")
    view = View(repo.repository)
    while slash:
        try:
            run_id = view.select(run)
        except NotFoundError:  # a name or a revision with a slash in it
            more, slash, path = path.partition("/")
            run = f"{run}/{more}"
            continue
        spool = view.spool(run_id)
        known = artifacts_of(repo.repository, view.trees, run_id, [] if spool is None else [spool])
        return [(f"{run}/{each}", about) for each, about in _one_level(known, path)]
    return _offered_runs(repo, typed)


@completer
def complete_metric(repo: Repo, typed: str) -> Offer:
    """Offer the keys of metrics."""
    return _keys(repo, "metrics", typed)


@completer
def complete_param(repo: Repo, typed: str) -> Offer:
    """Offer the keys of params, nested ones joined by dots."""
    return _keys(repo, "params", typed)


@completer
def complete_tag(repo: Repo, typed: str) -> Offer:
    """Offer the keys of tags."""
    return _keys(repo, "tags", typed)


@completer
def complete_field(repo: Repo, typed: str) -> Offer:
    """Offer a field of the filter language: attributes, and the keys of metrics, params and tags."""
    return _fields(repo, typed, "")


@completer
def complete_fields(repo: Repo, typed: str) -> Offer:
    """Offer a field as the last of several that commas separate, each with a ``-`` in front where one was typed."""
    head = _LAST_FIELD.match(typed)
    before = head[0] if head else ""
    return _fields(repo, typed[len(before) :], before)


@completer
def complete_filter(repo: Repo, typed: str) -> Offer:
    """Offer a field as the last word of a filter."""
    word = _LAST_WORD.search(typed)
    at = word.start() if word else len(typed)
    return _fields(repo, typed[at:], typed[:at])


@completer
def complete_experiment(repo: Repo, typed: str) -> Offer:
    """Offer the experiments of the newest runs."""
    from gtrack.index.query import Query

    return ((run.experiment, "") for run in _find(repo, Query(limit=_MOST)) if run.experiment.startswith(typed))


@completer
def complete_remote(repo: Repo, typed: str) -> Offer:
    """Offer git's remotes."""
    return ((name, "") for name in repo.repository.config.subsections("remote") if name.startswith(typed))


@completer
def complete_revision(repo: Repo, typed: str) -> Offer:
    """Offer branches and tags, as the end of a range such as ``main..`` too."""
    return ((name, "") for name in (_range_ends(repo, typed) if ".." in typed else _revisions(repo, typed)))


def complete_file(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Let the shell offer files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _range_ends(repo: Repo, typed: str) -> Iterator[str]:
    """Yield what a range of commits may end with, such as ``main..``."""
    before, dots, name = typed.rpartition("..")
    kept = len(name) - len(name.removeprefix("."))
    return (f"{before}{dots}{name[:kept]}{found}" for found in _revisions(repo, name[kept:]))


def _keys(repo: Repo, scope: str, typed: str) -> Iterator[tuple[str, str]]:
    """Yield keys and the number of their runs, those of most runs first."""
    from gtrack.ops.view import View

    known = View(repo.repository).keys(scope)
    for key in sorted(known, key=lambda key: (-known[key], key)):
        if key.startswith(typed):
            yield key, f"{known[key]:,} run{'' if known[key] == 1 else 's'}"


def _fields(repo: Repo, typed: str, before: str) -> Iterator[tuple[str, str]]:
    """Yield attributes, and metrics, params and tags with their kind in front."""
    from gtrack.display.keys import SCOPES
    from gtrack.index.fields import ATTRIBUTES, Field

    scope, dot, key = typed.partition(".")
    yield from ((before + name, "") for name in ATTRIBUTES if not dot and name.startswith(typed))
    for known in SCOPES:
        if (scope == known) if dot else known.startswith(scope):
            for name, about in _keys(repo, known, key.removeprefix("`")):
                yield before + str(Field(known, name)), about  # in backticks, where the language wants them


def _runs(repo: Repo, typed: str) -> list[RunState]:
    """Return the newest runs whose name or id begins with what was typed."""
    from gtrack.index.filter import Compare, Field, Filter, Like, Or, Prefix
    from gtrack.index.query import Query

    if not typed:
        return _find(repo, Query(limit=_MOST))
    parts: list[Filter] = [Like(Field("attributes", "name"), f"{typed}%")]
    if re.fullmatch("[0-9a-f]{2,32}", typed):
        parts.append(Compare(Field("attributes", "id"), "=", Prefix(typed)))
    return _find(repo, Query(where=Or(tuple(parts)), deleted=None, limit=_MOST))


def _find(repo: Repo, query: Query) -> list[RunState]:
    """Return what a query asks for, without recording what has ended: pressing a key must not write history."""
    from gtrack.ops.view import View

    return View(repo.repository).find(query).runs


def _revisions(repo: Repo, typed: str) -> Iterator[str]:
    """Yield the branches and tags that begin with what was typed, the branch for runs apart."""
    own = repo.repository.branch.removeprefix("refs/heads/")
    for kind in ("refs/heads/", "refs/tags/", "refs/remotes/"):
        for name in (name.removeprefix(kind) for name in repo.repository.refs.names(kind)):
            if name.startswith(typed) and name != own and not name.endswith((f"/{own}", "/HEAD")):
                yield name


def _one_level(artifacts: Mapping[str, Artifact], typed: str) -> Iterator[tuple[str, str]]:
    """Yield the paths that begin with what was typed, cut at the next slash, each once."""
    for path, artifact in artifacts.items():
        if path.startswith(typed):
            end = path.find("/", len(typed))
            yield (path, artifact.type) if end < 0 else (path[: end + 1], "folder")


def _items(found: Offer) -> list[CompletionItem]:
    """Return what is offered, each once and no more than a few: text in one line that is safe to print."""
    from click.shell_completion import CompletionItem

    items: dict[str, CompletionItem] = {}
    for value, about in found:
        if value and len(value) <= _LONGEST and clean(value) == value:
            items.setdefault(value, CompletionItem(value, help=clean(about) or None))
        if len(items) >= _MOST:
            break
    return list(items.values())
