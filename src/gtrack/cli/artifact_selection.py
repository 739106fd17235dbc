"""``RUN``, ``RUN/PATH`` and patterns: which artifacts a command is about.

A run is named by a selector, and a name or a revision may hold slashes (``rev:feature/x/plots/roc.png``): the run is
the whole text where that names one, else its shortest beginning, up to a slash, that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gtrack.display.words import plural
from gtrack.errors import NotFoundError, UsageError
from gtrack.ids import SHORT
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.artifact import Artifact
    from gtrack.reader import RecordedRun, Repo

__all__ = ["Chosen", "chosen_artifacts", "matching", "one_artifact", "shown_path"]

_MOST_NAMED = 20
_GLOB = frozenset("*?[")

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """An artifact, and the run that it is of."""

    run: RecordedRun
    artifact: Artifact


def chosen_artifacts(
    repo: Repo, texts: Sequence[str], where: str | None, notice: Notice, *, everything: bool = False
) -> list[Chosen]:
    """Return the artifacts that were asked for, each once, run by run in the order given.

    Args:
        repo: The repository.
        texts: Each ``RUN``, ``RUN/PATH`` or ``RUN/PATTERN``.
        where: A FILTER instead: all artifacts of the runs that match.
        notice: Told what the runs' manifests say that cannot be.
        everything: Without either, those of all runs, deleted ones too.

    Raises:
        NotFoundError: There is no such run, or no such artifact.
        UsageError: Both, or neither, was given; or the filter is not in the language.
    """
    if where is not None and texts:
        raise UsageError("name runs or give --where, not both", hint="a run's id can be part of a filter: id = '3f2a'")
    if texts:
        found = [each for text in texts for each in _named(repo, text, notice)]
    elif where is not None or everything:
        found = [Chosen(run, each) for run in _runs(repo, where) for each in _artifacts(run, notice).values()]
    else:
        raise UsageError("which run's artifacts? Name runs, or give --where", hint="gtrack artifact ls last")
    return list({(each.run.id, each.artifact.path): each for each in found}.values())


def one_artifact(repo: Repo, text: str, notice: Notice) -> Chosen:
    """Return the artifact that ``RUN/PATH`` names.

    Raises:
        NotFoundError: There is no such run, or no such artifact.
        UsageError: It names no artifact, or several.
    """
    found = _named(repo, text, notice, exactly=True)
    if len(found) != 1:
        raise UsageError(f"{text!r:.120} names {len(found):,} artifacts: one is wanted", hint="RUN/PATH names one")
    return found[0]


def shown_path(each: Chosen) -> str:
    """Return ``RUN/PATH``, safe to print and good to be typed."""
    return f"{each.run.id[:SHORT]}/{clean(each.artifact.path)}"


def matching(paths: Iterable[str], wanted: str) -> list[str]:
    """Return the paths that a path, a folder or a pattern names; in a pattern ``*`` matches slashes too, as in git.

    Example:
        >>> matching(["a.png", "plots/b.png"], "*.png"), matching(["a.png", "plots/b.png"], "plots")
        (['a.png', 'plots/b.png'], ['plots/b.png'])
    """
    known = list(paths)
    if wanted in known:
        return [wanted]
    folder = wanted.rstrip("/") + "/"
    found = [path for path in known if path.startswith(folder)]
    if not found and _GLOB & set(wanted):
        found = [path for path in known if fnmatchcase(path, wanted)]
    return found


def _named(repo: Repo, text: str, notice: Notice, *, exactly: bool = False) -> list[Chosen]:
    from gtrack.ops.artifacts import find_artifact
    from gtrack.ops.lineage import find
    from gtrack.ops.view import View
    from gtrack.reader import RecordedRun

    view = View(repo.repository)
    run_id, path = find(view, text)
    run = RecordedRun(view, view.state(run_id))
    artifacts = _artifacts(run, notice)
    if path is None:
        return [Chosen(run, each) for each in artifacts.values()]
    found = [path] if path in artifacts else [] if exactly else matching(artifacts, path)
    if not found:
        if _GLOB & set(path) and not exactly:
            raise NotFoundError(
                f"run {run_id[:SHORT]} has no artifact that {path!r:.120} matches",
                hint=f"gtrack artifact ls {run_id[:SHORT]}",
            )
        find_artifact(artifacts, path, run_id)
    return [Chosen(run, artifacts[each]) for each in found]


def _runs(repo: Repo, where: str | None) -> Iterable[RecordedRun]:
    from gtrack.cli.selection import query_of
    from gtrack.index.query import Query

    return repo.find(query_of(where, (), (), deleted=False) if where is not None else Query(deleted=None))


def _artifacts(run: RecordedRun, notice: Notice) -> dict[str, Artifact]:
    listed = run.artifact_list
    for problem in listed.problems[:_MOST_NAMED]:
        notice(f"gtrack: run {run.id[:SHORT]}: {clean(problem)}")
    if len(listed.problems) > _MOST_NAMED:
        notice(f"gtrack: run {run.id[:SHORT]}: {plural(len(listed.problems) - _MOST_NAMED, 'more problem')}")
    return listed.artifacts
