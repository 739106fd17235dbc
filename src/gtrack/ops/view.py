"""The view: which runs there are, from the local branch, the tracking remote's branch and inboxes, and live spools."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from gtrack.branch.repository import Repository
from gtrack.clock import now_ns
from gtrack.config import Settings
from gtrack.errors import GtrackError
from gtrack.index.filter import bind_lineage
from gtrack.index.query import Found, Query, answer, sort_states
from gtrack.index.rows import is_unsettled, rows_of
from gtrack.index.store import Store
from gtrack.model.fold import Document
from gtrack.model.nested import flatten
from gtrack.model.state import RunState
from gtrack.ops.collecting import without_collection
from gtrack.ops.indexed import open_index, reopen_index
from gtrack.ops.load import RunFiles, documents_of, load_run_files, run_ids_in
from gtrack.ops.present import DAY_US, fold_now, without_word
from gtrack.ops.recover import spools_of
from gtrack.ops.trees import tree_of_remote, visible_trees
from gtrack.spool.directory import SpoolRun

if TYPE_CHECKING:
    from gtrack.index.sql import Answer

__all__ = ["DAY_US", "View"]

T = TypeVar("T")


class View:
    """What the present files say of all runs. Holds still: made anew for every command.

    Runs are looked for in the index, which is brought up to date when first needed; live ones are added to what it
    finds. Another remote's runs are not in it, and are gone through.

    Args:
        repo: The repository.
        remote: Another remote, to see what is on its branch as of the last fetch, and nothing else.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
        NotFoundError: The other remote has no runs, or was never fetched.
    """

    def __init__(self, repo: Repository, *, remote: str | None = None) -> None:
        self.repo = repo
        self.remote = remote
        self._live: dict[str, SpoolRun] = {}
        if remote is None:
            for run in spools_of(repo, Settings.from_env(repo.env).extra_spools):
                self._live.setdefault(run.id, run)
        self._index: Store | None = None
        self._states: dict[str, RunState] = {}
        self._files: dict[str, RunFiles] = {}
        self.now_us = now_ns() // 1000

    @cached_property
    def trees(self) -> list[str]:
        """The root trees whose files count, the one that stands at a clash last."""
        return visible_trees(self.repo) if self.remote is None else [tree_of_remote(self.repo, self.remote)]

    @property
    def index(self) -> Store | None:
        """The index, up to date when it was first needed; None for another remote."""
        if self.remote is None and (self._index is None or not self._index.usable):
            self._index = open_index(self.repo)
        return self._index

    def ask(self, question: Callable[[Store], T]) -> T:
        """Ask the index something, and once more where it turns out to be damaged, or was closed meanwhile."""
        store = self.index
        assert store is not None
        try:
            return question(store)
        except sqlite3.DatabaseError as error:
            self._index = reopen_index(self.repo, store, error)
            return question(self._index)

    @cached_property
    def run_ids(self) -> list[str]:
        """The ids of all runs, live ones included."""
        if self.index is not None:
            return sorted({*self.ask(Store.ids), *self._live})
        return sorted({run_id for tree in self.trees for run_id in run_ids_in(self.repo, tree)})

    def files(self, run_id: str) -> RunFiles:
        """Return what is recorded of a run, over the local and the tracking branch."""
        if run_id not in self._files:
            self._files[run_id] = load_run_files(self.repo, self.trees, run_id)
        return self._files[run_id]

    def state(self, run_id: str) -> RunState:
        """Return the current state of a run."""
        if run_id not in self._states:
            self._states[run_id] = self._fold(run_id)
        return self._states[run_id]

    def states(self) -> list[RunState]:
        """Return the state of every run, newest first."""
        return self.find(Query(deleted=None)).runs

    def find(self, query: Query) -> Found:
        """Return the runs that a query asks for.

        Raises:
            UsageError: The filter names a revision that is not here.
            GitError: It asks for a lineage, and git is not installed or failed.
        """
        query = self.bound(query)
        if self.index is None:
            return answer(self._all(), query, now_us=self.now_us)
        live = answer(self.unindexed(), replace(query, limit=None), now_us=self.now_us)
        # Of those that are passed over, a live run can be in the place of an indexed one.
        spared = min(query.offset, live.total)
        limit = None if query.limit is None else query.limit + spared
        asked = replace(query, limit=limit, offset=query.offset - spared)
        with without_collection() if limit is None else nullcontext():
            indexed, total = self.ask(lambda index: index.find(asked, now_us=self.now_us, without=self.live_ids))
        if not live.total:
            return Found(indexed, total)
        # Sorted once more: each part is in order already, and the best of both are the best of all.
        runs = sort_states([*indexed, *live.runs], query.order)
        return Found(runs[replace(query, offset=spared).window], total + live.total)

    def bound(self, query: Query) -> Query:
        """Return a query whose conditions on lineage know the commits that they are about.

        Raises:
            UsageError: The filter names a revision that is not here.
            GitError: It asks for a lineage, and git is not installed or failed.
        """
        if query.where is None:
            return query
        return replace(query, where=bind_lineage(query.where, self._descendants))

    @property
    def live_ids(self) -> list[str]:
        """The ids of the runs that have a spool."""
        return list(self._live)

    def unindexed(self) -> list[RunState]:
        """Return the runs that are not looked for in the index: live ones; of another remote, all."""
        return self._all() if self.index is None else [self.state(run_id) for run_id in self._live]

    def unsettled(self) -> list[RunState]:
        """Return the runs of which something is left for a person or for time to settle, and live ones; newest first.

        They are lost, were resumed twice from one point, were edited in two clones at the same time, or have facts of
        a time that has not come.
        """
        indexed = [] if self.index is None else self.ask(Store.unsettled)
        known = self._with_live(indexed)
        return sort_states((state for state in known if state.live or is_unsettled(state)), ())

    def sql(self, text: str) -> Answer:
        """Answer a statement of SQL over the tables ``runs``, ``params``, ``tags`` and ``metrics``.

        Raises:
            UsageError: It is not SQL, or would do more than read.
        """
        from gtrack.index.sql import ask, tables

        live = [(rows_of(self.state(run_id)), run_id) for run_id in self._live]

        def answered(index: Store) -> Answer:
            with tables(index, live) as db:
                return ask(db, text)

        return self.ask(answered)

    def _descendants(self, revision: str) -> frozenset[str]:
        """Return the commits of runs that are a revision or descend from it."""
        from gtrack.branch.lineage import descendants

        known = [commit for state in self.unindexed() if isinstance(commit := state.code.get("commit"), str)]
        if self.index is not None:
            known += self.ask(Store.commits)
        return descendants(self.repo, revision, known)

    def keys(self, scope: str) -> dict[str, int]:
        """Return the keys that runs have, each with the number of runs that have it.

        Args:
            scope: ``metrics``, ``params`` or ``tags``.
        """
        found: Counter[str] = Counter()
        if self.index is not None:
            found.update(self.ask(lambda index: index.keys(scope)))
            for run_id in self._live:  # what is recorded of it so far is counted already
                known = self.ask(partial(Store.state, run_id=run_id))
                found.subtract(_keys_of(known, scope) if known is not None else ())
        for state in self.unindexed():
            found.update(_keys_of(state, scope))
        return {key: count for key, count in sorted(found.items()) if count > 0}

    def spool(self, run_id: str) -> SpoolRun | None:
        """Return the spool of a run that is not recorded completely, or None."""
        return self._live.get(run_id)

    def select(self, selector: str) -> str:
        """Return the id of the run that a selector names.

        Args:
            selector: An id or its prefix of four digits or more, ``last``, ``last~2``, a name, or a git revision;
                ``run:``, ``name:`` and ``rev:`` force one.

        Raises:
            NotFoundError: It names none.
            AmbiguousError: It names several.
        """
        from gtrack.ops.selection import select

        return select(self, selector)

    def ids(self, prefix: str) -> list[str]:
        """Return the ids that begin with some digits, in order."""
        known = self.run_ids if self.index is None else {*self.ask(lambda index: index.ids(prefix)), *self._live}
        return sorted(run_id for run_id in known if run_id.startswith(prefix))

    def named(self, name: str) -> list[RunState]:
        """Return the runs of a name, deleted ones too."""
        among = self._all() if self.index is None else self._with_live(self.ask(lambda index: index.named(name)))
        return [state for state in among if state.name == name]

    def of_code(self, commit: str) -> list[RunState]:
        """Return the runs of a commit or of a snapshot."""
        among = self._all() if self.index is None else self._with_live(self.ask(lambda index: index.of_code(commit)))
        return [state for state in among if commit in (state.code.get("commit"), state.code.get("snapshot"))]

    def _with_live(self, indexed: list[RunState]) -> list[RunState]:
        """Put live runs in the place of what the index has of them."""
        return [*(state for state in indexed if state.id not in self._live), *self.unindexed()]

    def _all(self) -> list[RunState]:
        """Read and fold every run."""
        with without_collection():
            self._load_all()
            return [self.state(run_id) for run_id in self.run_ids]

    def _fold(self, run_id: str) -> RunState:
        files = self.files(run_id)
        documents: list[Document] = list(files.documents)
        live = False
        problems: tuple[str, ...] = ()
        run = self._live.get(run_id)
        if run is not None:
            from gtrack.ops.seal import seal

            try:
                sealed = seal(run, files, live=True, curves=False)
            except (GtrackError, OSError, ValueError, LookupError, TypeError, ArithmeticError) as error:
                # One damaged spool must not keep the other runs from being shown.
                problems = (f"{run.path}: {error or type(error).__name__}",)
            else:
                documents += sealed.documents
                live = sealed.live
        state = fold_now(run_id, documents, self.now_us)
        if run is None:
            state = without_word(state, self.now_us)
        problems = (*state.problems, *files.problems, *problems)
        return replace(state, live=live, problems=problems) if live or problems else state

    def _load_all(self) -> None:
        """Read every run's documents in bulk, through git where there is one: four times faster."""
        missing = [run_id for run_id in self.run_ids if run_id not in self._files]
        if len(missing) < 50 or self.repo.git is None:
            return
        from gtrack.branch.bulk import read_runs

        with closing(read_runs(self.repo, self.trees, frozenset(missing))) as runs:
            for run_id, entries, blobs in runs:
                self._files[run_id] = documents_of(run_id, entries, blobs)
        for run_id in missing:  # the live ones
            self._files.setdefault(run_id, RunFiles(run_id))


def _keys_of(state: RunState, scope: str) -> Iterator[str]:
    values: Mapping[str, object] = getattr(state, scope)
    return (key for key, _ in flatten(values))
