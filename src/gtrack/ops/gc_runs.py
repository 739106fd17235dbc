"""Which runs a repository's policy keeps and which it lets go: what has to be known of them, and the policy itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from gtrack.branch.team import FILE, LIMIT, read_team_file
from gtrack.errors import ConflictError, GtrackError, UsageError
from gtrack.format import yaml
from gtrack.index.fields import Field
from gtrack.index.query import Query
from gtrack.model.keeping import Known, Verdict, decide, over_age
from gtrack.model.retention import Policy, parse_policy
from gtrack.ops.collecting import without_collection
from gtrack.ops.experiments import experiments
from gtrack.ops.facts import RunFacts
from gtrack.ops.gc_references import References
from gtrack.ops.lineage import edges
from gtrack.ops.rivals import rivals
from gtrack.ops.view import View

if TYPE_CHECKING:
    from gtrack.model.experiment import ExperimentState
    from gtrack.reader import Repo

__all__ = ["Fates", "fates", "policy_in_file", "team_policy"]

_COLUMNS = ("name", "experiment", "status", "ended", "parent", "deleted")


@dataclass(frozen=True, slots=True)
class Fates:
    """What becomes of every run, and of experiments.

    Attributes:
        policy: The policy that says so.
        verdicts: By run id.
        names: The runs' names, by id.
        archive: Experiments that are over, each with its age in seconds.
        remarks: What keeps the policy from being followed as it was meant.
    """

    policy: Policy
    verdicts: Mapping[str, Verdict]
    names: Mapping[str, str]
    archive: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def team_policy(repo: Repo) -> Policy:
    """Return the policy of the team's ``gtrack.yaml``; one that keeps everything where it says nothing.

    Raises:
        ConflictError: The file cannot be read, or its policy cannot be followed.
    """
    try:
        file = read_team_file(repo.repository)
        if file is None:
            return Policy()
        if file.problem is not None:
            raise UsageError(file.where + file.problem)
        return parse_policy(file.document.get("retention"), file.where)
    except (GtrackError, OSError) as error:
        text = error.message if isinstance(error, GtrackError) else str(error)
        hint = error.hint if isinstance(error, GtrackError) else None
        raise ConflictError(
            f"what is kept cannot be known: {text}", hint=hint or "correct it, commit and push"
        ) from None


def policy_in_file(path: str) -> Policy:
    """Return the policy of a file that is not the team's yet, to see what it would do.

    Raises:
        UsageError: It cannot be read, or not be followed.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(data) > LIMIT:
        raise UsageError(f"{path} is over {LIMIT:,} bytes long; a {FILE} is not")
    return parse_policy(yaml.load(data, name=path).get("retention"), path)


def fates(repo: Repo, view: View, policy: Policy, known: References, *, grace: float) -> Fates:
    """Decide what becomes of every run.

    Args:
        repo: The repository.
        view: Its runs.
        policy: What to go by.
        known: What names objects, runs that are registered, deletions.
        grace: Seconds from a deletion until it is final.
    """
    with without_collection():
        rows = _rows(view, policy)
        said = {state.name: state for state in experiments(repo.repository)}
        places, remarks = _places(repo, view, policy, rows, said)
        named = _named(known, said.values())
        lineage = _lineage(view, rows)
        runs = [_known(row, places, named, lineage, known) for row in rows]
        verdicts = decide(runs, policy, now_us=view.now_us, grace=grace)
    return Fates(
        policy, verdicts, {row.id: row.name for row in rows}, _archive(view, policy, rows, said), tuple(remarks)
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A run's columns."""

    id: str
    moment: int
    name: str
    experiment: str
    status: str
    ended: int | None
    parent: str | None
    deleted: bool
    tags: frozenset[str]


def _rows(view: View, policy: Policy) -> list[_Row]:
    every = (policy.rules, *(rules for _, rules in policy.experiments))
    tags = sorted({tag for rules in every for tag in rules.tagged or ()})
    columns = [*(Field("attributes", name) for name in _COLUMNS), *(Field("tags", tag) for tag in tags)]
    out = []
    for line in RunFacts(view, Query(deleted=None)).lines(*columns):
        moment, run_id, name, experiment, status, ended, parent, deleted, *cells = line
        # A tag that says no is none.
        has = frozenset(tag for tag, cell in zip(tags, cells, strict=True) if cell not in (None, False, "false", "no"))
        out.append(
            _Row(
                str(run_id),
                cast("int", moment),
                str(name),
                str(experiment),
                str(status),
                ended if isinstance(ended, int) else None,
                str(parent) if parent else None,
                bool(deleted),
                has,
            )
        )
    return out


def _places(
    repo: Repo, view: View, policy: Policy, rows: Iterable[_Row], said: Mapping[str, ExperimentState]
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Return the places of the best runs of each experiment that can be ranked, by its name."""
    out: dict[str, dict[str, int]] = {}
    remarks: list[str] = []
    among = RunFacts(view, Query())
    for name in dict.fromkeys(row.experiment for row in rows if not row.deleted):
        best = policy.rules_of(name).best
        if not best:
            continue
        try:
            of = rivals(repo, name, protocol=said.get(name), among=among)
            metric = of.metric()
            goal = of.goal(metric)
        except GtrackError as error:
            remarks.append(f"experiment {name}: all its finished runs count as best, for {error.message}")
            continue
        board = of.leaderboard(metric, goal, single=True, limit=best) if goal is not None else None
        if board is None or not board.rows:
            why = (
                f"no run can be ranked by {metric}" if goal is not None else f"nobody said which way {metric} is better"
            )
            remarks.append(f"experiment {name}: all its finished runs count as best, for {why}")
            continue
        out[name] = {row.best.id: row.rank or at for at, row in enumerate(board.rows, 1)}
    return out, remarks


def _named(known: References, said: Iterable[ExperimentState]) -> dict[str, str]:
    """Return the runs that stay whatever the policy says, each with why."""
    out = {state.baseline: f"baseline of {state.name}" for state in said if state.baseline is not None}
    return out | {run: f"registered as {model}" for run, model in known.registered.items()}


def _lineage(view: View, rows: Iterable[_Row]) -> dict[str, set[str]]:
    out: dict[str, set[str]] = {row.id: {row.parent} for row in rows if row.parent is not None}
    for edge in edges(view):
        out.setdefault(edge.user, set()).add(edge.run)
    return out


def _known(
    row: _Row,
    places: Mapping[str, Mapping[str, int]],
    named: Mapping[str, str],
    lineage: Mapping[str, set[str]],
    known: References,
) -> Known:
    ranked = places.get(row.experiment)
    ended = row.ended if row.ended is not None else row.moment or None
    restored = known.restored.get(row.id)
    deleted = known.deleted.get(row.id) if row.deleted else None
    return Known(
        id=row.id,
        experiment=row.experiment,
        status=row.status,
        # Who brings a run back wants it for a while: the next collection must not delete it again.
        moment=ended if restored is None else max(restored, ended or 0),
        place=None if ranked is None else ranked.get(row.id),
        ranked=ranked is not None,
        tags=row.tags,
        from_runs=frozenset(lineage.get(row.id, ())),
        live=row.id in known.live,
        deleted=known.now_us if row.deleted and deleted is None else deleted,
        pruned=row.id in known.pruned,
        named=named.get(row.id),
    )


def _archive(view: View, policy: Policy, rows: Iterable[_Row], said: Mapping[str, ExperimentState]) -> dict[str, float]:
    newest: dict[str, int] = {}
    for row in rows:
        if row.status in ("running", "lost"):
            newest[row.experiment] = view.now_us
        if not row.deleted:
            newest[row.experiment] = max(row.ended or row.moment, newest.get(row.experiment, 0))
    present = {name: us for name, us in newest.items() if us and not (name in said and said[name].archived)}
    # What was said of it lately is a sign of life too: unarchiving it must not be undone at once.
    alive = {name: max(us, said[name].updated or 0) if name in said else us for name, us in present.items()}
    return over_age(policy, alive, now_us=view.now_us)
