"""What the page of history shows: which metric, of which runs, along which branches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gtrack._app.experiment_choice import filter_of
from gtrack._app.link import Link, Setting
from gtrack._app.reading import Reading, kept
from gtrack._app.shell_word import shell_word
from gtrack.display.main_metrics import main_of
from gtrack.errors import UsageError
from gtrack.index.fields import Field
from gtrack.index.filter import Filter
from gtrack.index.query import Query
from gtrack.ops.blame import Blame
from gtrack.ops.experiments import experiment_of
from gtrack.ops.goals import metric_said
from gtrack.ops.metric_history import (
    CodeNames,
    HistoryLine,
    MetricHistory,
    Revision,
    find_revisions,
    metric_history,
    moves,
    names_of_code,
)
from gtrack.ops.rivals import newest_experiment

__all__ = ["DEFAULTS", "VALUES", "Question", "as_cli", "as_python", "history_of", "judged_of", "question_of"]

VALUES = {"best": "Best", "mean": "Mean", "last": "Newest"}
"""What stands for a commit."""
DEFAULTS: dict[str, Setting] = {
    "metric": "",
    "branches": (),
    "value": "best",
    "x": "order",
    "dirty": False,
    "commit": "",
}
_MOST_BRANCHES = 12
_MORE_BRANCHES = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What is shown.

    Attributes:
        experiment: The experiment; empty where there is no run.
        metric: The metric; empty where no run has one.
        metrics: The metrics that its runs have, each with the number of such runs.
        where: The filter.
        where_text: As it was typed.
        names: The branches and tags that there are.
        began: How many runs began on each branch, by its name.
        revisions: The branches to show.
        dirty: Runs of uncommitted edits count.
    """

    experiment: str
    metric: str
    metrics: Mapping[str, int]
    where: Filter | None
    where_text: str
    names: CodeNames
    began: Mapping[str, int]
    revisions: tuple[Revision, ...]
    dirty: bool

    @property
    def key(self) -> tuple[object, ...]:
        """What the answer follows from, the runs apart."""
        tips = tuple((each.name, each.commit) for each in self.revisions)
        return self.experiment, self.metric, self.where_text, tips, tuple(self.names.tags.items()), self.dirty


def question_of(now: Reading, link: Link) -> Question:
    """Return what a page's settings ask for; what they leave open is the newest run's experiment and its main metric.

    Raises:
        UsageError: The filter is not in the language, or there is no such revision.
        GitError: Git failed, or is not installed.
    """
    where, text = filter_of(link), link["where"].strip()
    names = names_of_code(now.repo)
    chosen: Sequence[str] = link["experiment"]
    newest = None if len(chosen) == 1 else now.kept("newest experiment", text, lambda: newest_experiment(now.repo))
    experiment = chosen[0] if len(chosen) == 1 else newest[0] if newest else ""
    metrics, metric, began = now.kept(
        "history.about", (experiment, text), lambda: _about(now, experiment, where, names)
    )
    wanted = list(link["branches"][:_MOST_BRANCHES]) or _usual(names, began)
    revisions = tuple(find_revisions(now.repo, wanted))
    asked = link["metric"].removeprefix("metrics.")
    return Question(
        experiment, asked or metric, metrics, where, text, names, began, revisions, dirty=bool(link["dirty"])
    )


def _about(
    now: Reading, experiment: str, where: Filter | None, names: CodeNames
) -> tuple[Mapping[str, int], str, Mapping[str, int]]:
    if not experiment:
        return {}, "", {}
    facts = now.repo.facts(Query(where, (experiment,)))
    declared = facts.declared.get(experiment, set())
    try:
        metric = metric_said(experiment_of(now.repo.repository, experiment), declared, lambda: facts.metrics)
    except UsageError:
        metric = next(iter(main_of(facts.metrics, declared, 1)), "")
    began = Counter(str(branch) for *_, branch in facts.lines(Field("attributes", "branch")) if branch)
    remote = now.repo.repository.remote
    known: Counter[str] = Counter()
    for name, count in began.items():
        known.update({name if name in names.branches else f"{remote}/{name}": count})
    return dict(facts.metrics), metric, known


def _usual(names: CodeNames, began: Mapping[str, int]) -> list[str]:
    """Return the branches to show unasked: the one that is checked out, then those that most runs began on."""
    current = names.current or "HEAD"
    others = [name for name in began if name in names.branches and name != current]
    return [current, *sorted(others, key=lambda name: (-began[name], name))[:_MORE_BRANCHES]]


def history_of(now: Reading, question: Question) -> MetricHistory:
    """Return the metric along the branches.

    Raises:
        GitError: Git failed.
        UsageError: The filter names a revision that is not here.
    """
    return now.kept(
        "history",
        question.key,
        lambda: metric_history(
            now.repo,
            question.metric,
            question.revisions,
            experiment=question.experiment,
            where=question.where,
            dirty=question.dirty,
        ),
    )


def judged_of(now: Reading, found: MetricHistory) -> list[Blame]:
    """Return which commits of each line moved the metric; worked out again only when a run that counts is new."""
    return [_judged(now, found, line) for line in found.lines]


def _judged(now: Reading, found: MetricHistory, line: HistoryLine) -> Blame:
    runs = hash(tuple((point.commit.id, run.id, run.value) for point in line.points for run in point.runs))
    key = (now.repo.common_dir, "history.moves", found.metric, found.goal, line.revision.commit, runs)
    return kept(key, lambda: moves(now.repo, line, found.metric, found.goal))


def as_cli(question: Question, judged: Sequence[Blame]) -> str:
    """Return the commands that tell the same, one for each branch."""
    lines = []
    for revision, told in zip(question.revisions, judged, strict=False):
        parts = ["gtrack blame", shell_word(question.metric), "--experiment", shell_word(question.experiment)]
        parts += ["--branch", shell_word(revision.name)]
        parts += ["--where", shell_word(question.where_text)] if question.where_text else []
        parts += [f"-n {len(told.points)}"] if told.points else []
        lines.append(" ".join([*parts, *(["--dirty"] if question.dirty else [])]))
    return "\n".join(lines)


def as_python(question: Question) -> str:
    """Return the same in Python."""
    where = f", where=parse({question.where_text!r})" if question.where_text else ""
    names = [revision.name for revision in question.revisions]
    imports = "from gtrack.index.filter import parse\n" if where else ""
    dirty = ", dirty=True" if question.dirty else ""
    return (
        f"import gtrack\n{imports}from gtrack.ops.metric_history import metric_history\n\n"
        f"with gtrack.Repo() as repo:\n"
        f"    found = metric_history(\n"
        f"        repo, {question.metric!r}, {names!r}, experiment={question.experiment!r}{where}{dirty}\n"
        f"    )\n"
        f"for point in found.points:\n"
        f'    print(point.commit.id[:7], point.value("best", found.goal), point.commit.subject)'
    )
