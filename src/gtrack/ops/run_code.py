"""The code that a run ran, as an object of this clone that git can compare."""

from __future__ import annotations

from dataclasses import dataclass

from gtrack.branch.chain import CODE_REF
from gtrack.branch.code_diff import FileChange, changed_files
from gtrack.branch.repository import Repository
from gtrack.branch.tracking import INBOX, is_shallow, tracking
from gtrack.errors import DamageError, GitError, UsageError
from gtrack.ids import SHORT, is_object_id
from gtrack.model.state import RunState

__all__ = ["CodeChange", "RunCode", "code_of", "compare_code", "fetch_code"]


@dataclass(frozen=True, slots=True)
class RunCode:
    """Where a run's code is.

    Attributes:
        object: The id of a commit or tree that holds it; None where it is not here.
        remark: What is to be told about it; empty where it is just the code that ran.
        elsewhere: It was kept, and may be at the remote.
    """

    object: str | None
    remark: str = ""
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class CodeChange:
    """What git says of two runs' code.

    Attributes:
        a: The first run's code; None where they could not be compared.
        b: The second run's.
        files: The files that differ.
        remarks: What is to be told about it.
        elsewhere: Some of it may be at the remote.
    """

    a: str | None = None
    b: str | None = None
    files: tuple[FileChange, ...] = ()
    remarks: tuple[str, ...] = ()
    elsewhere: bool = False

    @property
    def compared(self) -> bool:
        """Both are here, and git has compared them."""
        return self.a is not None and self.b is not None

    @property
    def added(self) -> int:
        """How many lines are new."""
        return sum(file.added or 0 for file in self.files)

    @property
    def removed(self) -> int:
        """How many lines are gone."""
        return sum(file.removed or 0 for file in self.files)

    def to_dict(self) -> dict[str, object]:
        """Return it as a map."""
        files = [file.to_dict() for file in self.files] if self.compared else None
        return {"files": files, "remarks": list(self.remarks)}


def compare_code(repo: Repository, a: RunState, b: RunState) -> CodeChange:
    """Return in which files the code of two runs differs; nothing is fetched.

    Raises nothing for code that is damaged or not here: the remarks say so.
    """
    if repo.git is None:
        return CodeChange(remarks=("git is not installed, so the code cannot be compared",))
    one, other = code_of(repo, a), code_of(repo, b)
    remarks = tuple(dict.fromkeys(code.remark for code in (one, other) if code.remark))
    elsewhere = one.elsewhere or other.elsewhere
    if one.object is None or other.object is None:
        return CodeChange(remarks=remarks, elsewhere=elsewhere)
    try:
        files = changed_files(repo, one.object, other.object)
    except (GitError, DamageError) as error:
        return CodeChange(remarks=(*remarks, error.message))
    return CodeChange(one.object, other.object, tuple(files), remarks)


def code_of(repo: Repository, run: RunState) -> RunCode:
    """Return where a run's code is in this clone: its snapshot, the tree of that, or its commit if that was clean."""
    code, name = run.code, run.id[:SHORT]
    snapshot, tree, commit = (_object(code.get(field)) for field in ("snapshot", "tree", "commit"))
    # Without a snapshot, the tree is the commit's.
    whole = snapshot is not None or code.get("dirty") is False
    for oid in (snapshot, tree if whole else None, commit if code.get("dirty") is False else None):
        if oid is not None and oid in repo.objects:
            return RunCode(oid)
    if snapshot is not None or (commit is not None and commit not in repo.objects):
        return RunCode(None, f"the code of run {name} is not in this clone", elsewhere=True)
    if commit is not None:
        edits = "had uncommitted changes" if code.get("dirty") is True else "may have had uncommitted changes"
        return RunCode(commit, f"run {name} {edits}, which were not kept: its commit is compared")
    return RunCode(None, f"nothing is known of the code of run {name}")


def fetch_code(repo: Repository, *, interactive: bool = False) -> str:
    """Fetch the snapshots that the tracking remote has, and nothing else; return the remote's name.

    Args:
        repo: The repository.
        interactive: Let git ask for credentials.

    Raises:
        UsageError: There is no tracking remote, or the clone is shallow.
        NetworkError: The remote could not be reached, or did not let us in.
    """
    from gtrack.branch.transport import Transport

    names = tracking(repo)
    if is_shallow(repo):
        raise UsageError(
            "a shallow clone does not fetch snapshots, whose history leads to all of the code",
            hint="git fetch --unshallow",
        )
    refs = {CODE_REF: names.code_ref, f"{INBOX}*/code": f"{names.inbox_prefix}*/code"}
    Transport(repo, names.remote, interactive=interactive).fetch(refs)
    repo.objects.refresh()
    return names.remote


def _object(value: object) -> str | None:
    return value if isinstance(value, str) and is_object_id(value) else None
