"""Reading recorded and live runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from types import TracebackType
from typing import TYPE_CHECKING

from gtrack.branch.repository import Repository
from gtrack.config import Settings, environment
from gtrack.errors import GtrackError, UsageError
from gtrack.ids import is_object_id
from gtrack.model.state import RunState
from gtrack.notices import Notices
from gtrack.ops.collecting import without_collection
from gtrack.ops.recover import Recovered, recover
from gtrack.ops.view import View
from gtrack.recorded_run import RecordedRun

if TYPE_CHECKING:
    from gtrack.index.filter import Filter
    from gtrack.index.query import Order, Query
    from gtrack.index.sql import Answer
    from gtrack.model.experiment import ExperimentState
    from gtrack.model.registered import Version
    from gtrack.model.registry import ModelState
    from gtrack.model.saved_view import SavedView
    from gtrack.ops.facts import RunFacts
    from gtrack.runs import Runs

__all__ = ["RecordedRun", "Repo"]


class Repo:
    """A git repository and the runs in it. A context manager.

    Args:
        path: Any directory in the repository.
        env: The environment; the process's own by default.

    Raises:
        NotFoundError: There is no repository.
        RepositoryError: It cannot be used; the message says why.

    Example:
        >>> [run.name for run in gtrack.Repo(".").runs()]
        ['kind-prairie-28']
    """

    def __init__(self, path: str = ".", *, env: Mapping[str, str] | None = None) -> None:
        self.env = environment() if env is None else env
        self._notices = Notices(quiet=False, run="")
        self.repository = Repository(path, self.env)
        self.root = self.repository.paths.root
        self.git_dir = self.repository.paths.git_dir
        self.common_dir = self.repository.paths.common_dir
        self.recovered = Recovered()

    def runs(
        self, *, experiment: str | None = None, deleted: bool = False, remote: str | None = None
    ) -> list[RecordedRun]:
        """Return the runs, newest first, those that still run included.

        Args:
            experiment: Only those of this experiment.
            deleted: Those that were deleted, instead of the others.
            remote: Those on the branch of this remote, such as a fork's, instead of the team's; as of the last fetch.

        Raises:
            UsageError: There is no such remote.
            NotFoundError: The remote has no runs, or was never fetched.
        """
        from gtrack.ops.asking import question

        return list(self.find(question(experiment=experiment, deleted=deleted), remote=remote))

    def keys(self, scope: str) -> dict[str, int]:
        """Return the names that runs have in ``metrics``, ``params`` or ``tags``, each with the number of such runs.

        Nested params are named as in a filter: ``model.depth``.

        Args:
            scope: ``metrics``, ``params`` or ``tags``.

        Raises:
            UsageError: There is no such scope.
        """
        if scope not in ("metrics", "params", "tags"):
            raise UsageError(f"there is no scope {scope!r:.40}: use metrics, params or tags")
        return View(self.repository).keys(scope)

    def sql(self, text: str) -> Answer:
        """Answer a statement of SQL over the tables ``runs``, ``params``, ``tags`` and ``metrics``; it can only read.

        Args:
            text: The statement, in SQLite's dialect.

        Returns:
            The names of the columns, and the rows.

        Raises:
            UsageError: It is not SQL, or would do more than read.

        Example:
            >>> gtrack.Repo(".").sql("SELECT experiment, count(*) FROM runs GROUP BY experiment").rows
            [('churn', 12)]
        """
        self.recover()
        return View(self.repository).sql(text)

    def run(self, selector: str) -> RecordedRun:
        """Return the run that a selector names.

        Args:
            selector: An id or its prefix of four digits or more, ``last``, ``last~2``, a name, or a git revision;
                ``run:``, ``name:`` and ``rev:`` force one.

        Raises:
            NotFoundError: It names none.
            AmbiguousError: It names several.
            UsageError: It is not text.
        """
        from gtrack.ops.asking import name_of

        wanted = name_of(selector, "run")
        self.recover()
        view = View(self.repository)
        return RecordedRun(view, view.state(view.select(wanted)))

    def search(
        self,
        where: str | Filter | None = None,
        *,
        experiment: str | Iterable[str] | None = None,
        order_by: str | Order | Iterable[str | Order] | None = None,
        max_results: int | None = None,
        deleted: bool = False,
    ) -> Runs:
        """Return the runs that match a filter.

        Args:
            where: The filter, such as ``"metrics.val_auc > 0.88 AND params.max_depth = 6"``; all runs by default.
            experiment: Only the runs of this experiment, or of these.
            order_by: What to sort by, first things first: ``"metrics.val_auc DESC"``, ``"-metrics.val_auc"``,
                ``"started"``. The newest first by default. Runs without a value come last.
            max_results: The most runs to return, 1 or more; all by default.
            deleted: Those that were deleted, instead of the others.

        Raises:
            UsageError: The filter or the order is not in the language; the message shows the place. Or an argument
                is of another type.

        Example:
            >>> best = gtrack.Repo(".").search("status = 'finished'", order_by="metrics.val_auc DESC", max_results=5)
            >>> best.to_pandas()[["name", "metrics.val_auc"]]
        """
        from gtrack.ops.asking import question

        asked = question(where, experiment=experiment, order_by=order_by, max_results=max_results, deleted=deleted)
        return self.find(asked)

    def find(self, query: Query, *, remote: str | None = None) -> Runs:
        """Return the runs that a query asks for.

        Args:
            query: The question.
            remote: Ask those on the branch of this remote, as of the last fetch, instead of the team's.

        Raises:
            UsageError: There is no such remote.
            NotFoundError: The remote has no runs, or was never fetched.
        """
        from gtrack.ops.asking import columns_of
        from gtrack.runs import Runs

        self.recover()
        view = View(self.repository, remote=remote)
        with without_collection() if query.limit is None else nullcontext():
            found = view.find(query)
            return Runs((RecordedRun(view, state) for state in found.runs), found.total, columns=columns_of(query))

    def facts(self, query: Query, *, remote: str | None = None) -> RunFacts:
        """Return what there is to know of the runs that a query asks for without reading every one of them whole.

        Args:
            query: The question; its order and limit do not matter.
            remote: Ask those on the branch of this remote, as of the last fetch, instead of the team's.

        Raises:
            UsageError: There is no such remote.
            NotFoundError: The remote has no runs, or was never fetched.
        """
        from gtrack.ops.facts import RunFacts

        self.recover()
        return RunFacts(View(self.repository, remote=remote), query)

    def experiment(self, name: str) -> ExperimentState:
        """Return what is said of an experiment: how its runs are compared, for everybody.

        Args:
            name: The experiment. One that nobody said anything about has an empty state.

        Raises:
            UsageError: The name is not text.

        Example:
            >>> churn = gtrack.Repo(".").experiment("churn")
            >>> churn.metric, churn.goal, churn.floor
            ('val_auc', 'max', 'metrics.precision >= 0.8')
        """
        from gtrack.ops.asking import name_of
        from gtrack.ops.experiments import experiment_of

        return experiment_of(self.repository, name_of(name, "experiment"))

    def experiments(self) -> list[ExperimentState]:
        """Return every experiment: those with runs, the newest first, then others that something is said of.

        Example:
            >>> [experiment.name for experiment in gtrack.Repo(".").experiments() if not experiment.archived]
            ['churn', 'fraud']
        """
        from gtrack.model.experiment import ExperimentState
        from gtrack.ops.experiments import experiments

        newest = (
            "SELECT experiment FROM runs WHERE NOT deleted GROUP BY experiment ORDER BY max(started) DESC, experiment"
        )
        with_runs = [name for (name,) in self.sql(newest).rows if isinstance(name, str)]
        said = {state.name: state for state in experiments(self.repository)}
        return [said.get(name) or ExperimentState(name) for name in dict.fromkeys([*with_runs, *said])]

    def saved_view(self, name: str) -> SavedView:
        """Return a saved view of the dashboard; one that was deleted says so, and still has what it showed.

        Args:
            name: The view's name.

        Raises:
            NotFoundError: No view was ever saved under the name.
            UsageError: The name is not text.

        Example:
            >>> view = gtrack.Repo(".").saved_view("best of churn")
            >>> view.page, view.settings["where"], view.author
            ('runs', 'metrics.val_auc > 0.9', 'Ada L <ada@example.org>')
        """
        from gtrack.ops.asking import name_of
        from gtrack.ops.saved_views import saved_view

        return saved_view(self.repository, name_of(name, "view"))

    def saved_views(self, *, deleted: bool = False) -> list[SavedView]:
        """Return the saved views of the dashboard, by name.

        Args:
            deleted: Those that were deleted, instead of the others.

        Example:
            >>> [(view.name, view.page) for view in gtrack.Repo(".").saved_views()]
            [('best of churn', 'runs')]
        """
        from gtrack.ops.saved_views import saved_views

        return saved_views(self.repository, deleted=deleted)

    def models(self, *, deleted: bool = False) -> list[ModelState]:
        """Return the registered models, by name.

        Args:
            deleted: Those that were deleted, instead of the others.

        Example:
            >>> [(model.name, len(model.versions), model.aliases) for model in gtrack.Repo(".").models()]
            [('churn', 3, {'champion': '9c1d7b6e4a508c2f9e0d1a7b3c553f2a'})]
        """
        from gtrack.ops.registry import models

        return models(self.repository, deleted=deleted)

    def model(self, name: str) -> ModelState:
        """Return a registered model: its versions, aliases, stages and history.

        Args:
            name: The model's name.

        Raises:
            NotFoundError: There is no such model; the message has the likeliest other.
            UsageError: The name is not text, or cannot be a model's.

        Example:
            >>> churn = gtrack.Repo(".").model("churn")
            >>> [version.label for version in churn.in_stage("Production")]
            ['3']
        """
        from gtrack.ops.asking import name_of
        from gtrack.ops.registry import model

        return model(self.repository, name_of(name, "model"))

    def model_version(self, name: str) -> Version:
        """Return the version of a registered model that a name means.

        Args:
            name: ``models:/churn/3``, ``churn@champion``, ``churn/Production``, ``churn/latest``, ``churn/~9c1d7b6``.

        Raises:
            NotFoundError: There is no such version, or it has no number yet; the message says what to type.
            AmbiguousError: It means several.
            ConflictError: Two versions claim the number, or two clones moved the alias or the stage at once.
            UsageError: It is not the name of a version.

        Example:
            >>> gtrack.Repo(".").model_version("churn@champion").run
            '3f2a9c1d7b6e4a508c2f9e0d1a7b3c55'
        """
        from gtrack.ops.asking import name_of
        from gtrack.ops.registry import resolve

        return resolve(self.repository, name_of(name, "version")).version

    def recover(self) -> list[str]:
        """Record what ended without being recorded, such as killed runs, and return the ids of these runs.

        Trouble in doing so is told on stderr and hurts no reader: nothing is lost, and the next command tries again.
        """
        try:
            done = recover(self.repository, Settings.from_env(self.env).extra_spools)
        except (GtrackError, OSError) as error:
            self._notices.warn(f"ended runs could not be recorded: {error}")
            return []
        self.recovered = done
        for path, reason in done.failed:
            self._notices.warn(f"{path} could not be recorded: {reason}")
        for path, what in done.lost:
            self._notices.warn(f"{path} was recorded, but {what}")
        return [state.id for state in done.runs]

    def mark(self) -> str:
        """Return a word that stays the same while the runs do: for who looks again and again, and caches what was seen.

        Example:
            >>> before = repo.mark()
            >>> if repo.mark() != before: print("something was logged")
        """
        from gtrack.ops.mark import mark_of

        return mark_of(self.repository, Settings.from_env(self.env).extra_spools)

    def has_code(self, run: RunState) -> bool:
        """Tell whether the snapshot of a run's code is in this clone; a colleague's may still be at the remote."""
        snapshot = run.code.get("snapshot")
        return isinstance(snapshot, str) and is_object_id(snapshot) and snapshot in self.repository.objects

    def ensure_branch(self) -> bool:
        """Create the branch for runs if it does not exist; True when it was created."""
        from gtrack.branch.author import author
        from gtrack.branch.commit import commit_files

        if self.repository.tip is not None:
            return False
        with self.repository.lock():
            by = author(self.repository.config, self.env)
            commit_files(self.repository, {}, "gtrack: a place for runs", by=by)
        return True

    def close(self) -> None:
        """Close what was opened."""
        self.repository.close()

    def __enter__(self) -> Repo:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"gtrack.Repo({self.root!r})"
