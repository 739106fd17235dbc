"""The view: which runs there are, from the local branch, the tracking remote's branch and inboxes, and live spools."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING

from gtrack.branch.objects import TREE_MODE
from gtrack.branch.repository import Repository
from gtrack.clock import iso, now_ns, stamp
from gtrack.config import Settings
from gtrack.errors import AmbiguousError, GtrackError, NotFoundError
from gtrack.ids import is_run_id
from gtrack.model.fold import Document, fold_run
from gtrack.model.state import RunState
from gtrack.ops.load import RunFiles, documents_of, load_run_files
from gtrack.ops.recover import spools_of
from gtrack.ops.seal import seal
from gtrack.ops.trees import tree_of_remote, visible_trees
from gtrack.spool.directory import SpoolRun

if TYPE_CHECKING:
    from gtrack.index.query import Found, Query

__all__ = ["DAY_US", "View"]

DAY_US = 86_400_000_000
"""How far ahead of our clock another's may be, in microseconds: facts of a later time are shown and not folded yet."""
_LOST_AFTER_US = 100 * 60 * 1_000_000
"""Silence after which a run that ended nowhere counts as lost: ten intervals of ten minutes."""
_MANY = 1000
"""How many runs make millions of objects when they are read."""
_PREFIX = re.compile(r"[0-9a-f]{4,32}\Z")
_LAST = re.compile(r"last(?:~(\d{1,9}))?\Z")


class View:
    """What the present files say of all runs. Holds still: made anew for every command.

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
        if remote is not None:
            self.trees = [tree_of_remote(repo, remote)]
        else:
            self.trees = visible_trees(repo)
            for run in spools_of(repo, Settings.from_env(repo.env).extra_spools):
                self._live.setdefault(run.id, run)
        self._states: dict[str, RunState] = {}
        self._files: dict[str, RunFiles] = {}

    @cached_property
    def run_ids(self) -> list[str]:
        """The ids of all runs, live ones included."""
        found = set(self._live)
        for tree in self.trees:
            found |= set(self._ids_in(tree))
        return sorted(found)

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
        many = len(self.run_ids) - len(self._states) >= _MANY
        with _no_collection() if many else nullcontext():
            self._load_all()
            out = [self.state(run_id) for run_id in self.run_ids]
        return sorted(out, key=lambda s: (s.started or s.last_heard or 0, s.id), reverse=True)

    def find(self, query: Query) -> Found:
        """Return the runs that a query asks for."""
        from gtrack.index.query import answer

        return answer(self.states(), query, now_us=now_ns() // 1000)

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
        kind, _, rest = selector.partition(":")
        forced = kind if rest and kind in ("run", "name", "rev") else None
        text = rest if forced else selector
        ways = {"run": self._by_id, "last": self._by_age, "name": self._by_name, "rev": self._by_revision}
        for way in [forced] if forced else ["run", "last", "name", "rev"]:
            found = ways[way](text)
            if len(found) == 1:
                return found[0]
            if len(found) > 1:
                raise self._ambiguous(selector, found)
        raise NotFoundError(f"no run {selector!r:.80}", hint="gtrack ls")

    def _by_id(self, text: str) -> list[str]:
        if not _PREFIX.match(text):
            return []
        return [run_id for run_id in self.run_ids if run_id.startswith(text)]

    def _by_age(self, text: str) -> list[str]:
        match = _LAST.match(text)
        if match is None:
            return []
        visible = [state for state in self.states() if not state.deleted]
        number = int(match[1] or 0)
        if number >= len(visible):
            raise NotFoundError(f"there are {len(visible)} runs, so no {text}", hint="gtrack ls")
        return [visible[number].id]

    def _by_name(self, text: str) -> list[str]:
        named = [state for state in self.states() if state.name == text]
        # A deleted run does not stand in the way of one that took its name.
        return [state.id for state in named if not state.deleted] or [state.id for state in named]

    def _by_revision(self, text: str) -> list[str]:
        """The latest run of a commit."""
        if self.repo.git is None or not text or text.startswith("-"):
            return []
        done = self.repo.git.call(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", text + "^{commit}"],
            git_dir=self.repo.paths.git_dir,
        )
        commit = done.stdout.decode().strip()
        if done.returncode or not commit:
            return []
        return [s.id for s in self.states() if commit in (s.code.get("commit"), s.code.get("snapshot"))][:1]

    def _ambiguous(self, selector: str, found: list[str]) -> AmbiguousError:
        shown = [self.state(run_id) for run_id in found[:10]]
        lines = [f"{s.id[:12]}  {s.name:.40}  {iso(s.started)[:19] if s.started else ''}" for s in shown]
        more = [f"and {len(found) - 10} more"] if len(found) > 10 else []
        return AmbiguousError(
            f"{selector!r:.80} names {len(found)} runs:\n  " + "\n  ".join(lines + more),
            hint=f"gtrack show {found[0][:12]}",
        )

    def _fold(self, run_id: str) -> RunState:
        from dataclasses import replace

        files = self.files(run_id)
        documents: list[Document] = list(files.documents)
        live = False
        problems: tuple[str, ...] = ()
        run = self._live.get(run_id)
        if run is not None:
            try:
                sealed = seal(run, files, live=True, curves=False)
            except (GtrackError, OSError, ValueError, LookupError, TypeError, ArithmeticError) as error:
                # One damaged spool must not keep the other runs from being shown.
                problems = (f"{run.path}: {error or type(error).__name__}",)
            else:
                documents += sealed.documents
                live = sealed.live
        now = now_ns() // 1000
        state = fold_run(run_id, documents, horizon=stamp(now + DAY_US))
        if state.status == "running" and not live and run is None:
            silent = now - (state.last_heard or 0)
            state = replace(state, status="lost" if silent > _LOST_AFTER_US else "running")
        problems = (*state.problems, *files.problems, *problems)
        return replace(state, live=live, problems=problems) if live or problems else state

    def _ids_in(self, tree: str) -> Iterator[str]:
        runs = self.repo.objects.find(tree, "runs")
        if runs is None or runs[0] != TREE_MODE:
            return
        for shard, (mode, oid) in self.repo.objects.tree(runs[1]).items():
            if mode != TREE_MODE:
                continue
            for raw, (kind, _) in self.repo.objects.tree(oid).items():
                name = raw.decode("ascii", "replace")
                if kind == TREE_MODE and is_run_id(name) and name[:2].encode() == shard:
                    yield name

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


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold off the search for cyclic garbage: it would go through all that is being read, again and again.

    What was made meanwhile counts as old afterwards, so that the next search does not go through it either.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:  # else unfreezing would undo what the program froze itself
            gc.freeze()
            gc.unfreeze()
        gc.enable()
