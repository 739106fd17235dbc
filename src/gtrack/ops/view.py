"""The view: which runs there are, from the local branch, the tracking remote's branch and the live spools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from gtrack.branch import keep
from gtrack.branch.commit import FORMAT_FILE, read_format
from gtrack.branch.objects import TREE_MODE, MissingObjectError
from gtrack.branch.repository import Repository
from gtrack.clock import iso, now_ns, stamp
from gtrack.config import Settings
from gtrack.errors import AmbiguousError, DamageError, GtrackError, NotFoundError
from gtrack.ids import is_run_id
from gtrack.model.fold import Document, fold_run
from gtrack.model.state import RunState
from gtrack.ops.load import RunFiles, documents_of, load_run_files
from gtrack.ops.recover import spools_of
from gtrack.ops.seal import seal
from gtrack.spool.directory import SpoolRun

__all__ = ["View"]

_DAY_US = 86_400_000_000
_LOST_AFTER_US = 100 * 60 * 1_000_000
"""Silence after which a run that ended nowhere counts as lost: ten intervals of ten minutes."""
_PREFIX = re.compile(r"[0-9a-f]{4,32}\Z")
_LAST = re.compile(r"last(?:~(\d{1,9}))?\Z")


class View:
    """What the present files say of all runs. Holds still: made anew for every command.

    Args:
        repo: The repository.

    Raises:
        FormatError: A newer gtrack wrote the branch.
        DamageError: The branch leads to objects that are missing.
    """

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.trees = [tree for tree in (_tree(repo, repo.tip), _tree(repo, repo.remote_tip)) if tree is not None]
        self._live: dict[str, SpoolRun] = {}
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
        self._load_all()
        out = [self.state(run_id) for run_id in self.run_ids]
        return sorted(out, key=lambda s: (s.started or s.last_heard or 0, s.id), reverse=True)

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
        state = fold_run(run_id, documents, horizon=stamp(now + _DAY_US))
        if state.status == "running" and not live and run is None:
            silent = now - (state.last_heard or 0)
            state = replace(state, status="lost" if silent > _LOST_AFTER_US else "running")
        return replace(state, live=live, problems=(*state.problems, *files.problems, *problems))

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

        entries, blobs = read_runs(self.repo, self.trees)
        for run_id in missing:
            self._files[run_id] = documents_of(run_id, entries.get(run_id, []), blobs)


def _tree(repo: Repository, commit: str | None) -> str | None:
    """Return the tree of a tip of the branch, after a look at its format."""
    try:
        tree = repo.tree_of(commit)
    except MissingObjectError:
        if commit == repo.tip:
            tree = repo.tree_of(keep.readable_tip(repo))
        else:
            raise DamageError(
                f"the remote's branch is at {commit!s:.12}, which is not here", hint=f"git fetch {repo.remote}"
            ) from None
    found = repo.objects.find(tree, FORMAT_FILE)
    if found is not None:
        read_format(repo.read_blob(found[1]))
    return tree
