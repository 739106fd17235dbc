"""``gtrack pull --artifacts``: the content of runs' artifacts and whole curves, brought into the local cache."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gtrack.cli.invocation import Invocation
from gtrack.cli.selection import query_of
from gtrack.cli.storing import ask_about_store, bar
from gtrack.display.words import plural, size
from gtrack.errors import DamageError
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.ops.objects import Wanted
    from gtrack.reader import RecordedRun, Repo

__all__ = ["pull_artifacts"]

_REASONS = 3


def pull_artifacts(invocation: Invocation, repo: Repo, filter_: str | None) -> None:
    """Fetch what is not here of the runs that match, or of all, and say what came of it.

    Raises:
        UsageError: The filter is not in the language.
        DamageError: Some of it is damaged wherever it is; the rest has come.
    """
    from gtrack.ops.objects import bring

    ask_about_store(invocation, repo.repository)
    wanted = _wanted(repo.find(query_of(filter_, (), (), deleted=False)))
    done = bring(repo.repository, wanted, bar(invocation), interactive=invocation.interactive)
    here = len(wanted) - done.came - len(done.missing)
    came = f"{plural(done.came, 'file')} of artifacts ({size(done.size)}) fetched"
    invocation.say(came + (f", {here:,} here already" if here else ""))
    if done.missing:
        invocation.notice(
            f"not to be had: {plural(len(done.missing), 'file')} (gtrack artifact ls says where they are)"
        )
        for why in list(dict.fromkeys(done.missing.values()))[:_REASONS]:
            invocation.notice(f"  {clean(why)}")
    if done.damaged:
        raise DamageError(
            f"{plural(len(done.damaged), 'file')} damaged wherever looked for", hint="gtrack artifact verify --deep"
        )


def _wanted(runs: Iterable[RecordedRun]) -> list[Wanted]:
    """Return the objects that hold the artifacts and the whole curves of runs, each once."""
    from gtrack.ops.artifact_content import wanted_by
    from gtrack.ops.curve_source import stored_curves
    from gtrack.ops.objects import Wanted

    found: dict[str, Wanted] = {}
    for run in runs:
        for each in wanted_by(run.artifacts().values()):
            found.setdefault(each.digest, each)
        for curves in stored_curves(run.view.files(run.id)):
            found.setdefault(curves.digest, Wanted(curves.digest, curves.size, curves.blob))
    return list(found.values())
