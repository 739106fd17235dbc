"""Checking what a push brings against the team's policy: for continuous integration and for a server's hook.

Everything that ``gtrack fsck --range`` refuses is refused here too. The policy and the allowed signers are those of the
default code branch as it is, never of what is pushed with it: in a bare repository that of HEAD.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gtrack.branch.bounded import run_bounded
from gtrack.branch.bulk import read_blobs
from gtrack.branch.incoming import Change, find_commit, read_incoming, sizes_of
from gtrack.branch.members import FILE_BYTES, place, signed_file
from gtrack.branch.repository import Repository
from gtrack.branch.signature_check import Checker
from gtrack.errors import DamageError
from gtrack.format import names
from gtrack.ids import SHORT
from gtrack.ops.fsck_findings import Findings
from gtrack.ops.fsck_range import RangeReport, check_range
from gtrack.ops.model_numbers import first_claim
from gtrack.ops.signatures import FileSignatures, checker_of, signatures_beside, signers_of
from gtrack.ops.verify_demands import Demands, read_demands
from gtrack.ops.verify_records import File, ModelRecords, Problem, read_records
from gtrack.ops.verify_rules import Pins, event_problems, signature_problems
from gtrack.ops.verify_run import signed_start, unsigned_files

__all__ = ["verify_range"]

_AT_ONCE = 500
"""Runs whose files are listed at once: their folders are arguments of one process."""


def verify_range(repo: Repository, text: str, *, allow_epoch: bool = False, allow_bypass: bool = False) -> RangeReport:
    """Check the commits by which a push moves the branch: their files, and what the policy says of them.

    Refused are, beside what :func:`gtrack.ops.fsck_range.check_range` refuses: a promotion that would take effect
    without the approvals that are demanded, or by somebody who may not promote; an approval by the version's author, by
    its promoter, or by somebody who may not approve; an event or a version that is not signed where that is demanded,
    or signed by somebody else than it says; a file under a run whose start another key signed; a repeated event; a
    number for a version that another one has claimed before.

    Args:
        repo: The repository; in a server's hook opened with ``incoming=True``. It needs no working tree.
        text: ``OLD..NEW``, as for :func:`check_range`.
        allow_epoch: Let through a rewritten branch of a higher epoch.
        allow_bypass: Let through an event that breaks rules and gives a reason, with a warning.

    Raises:
        UsageError: The text is no range.
        NotFoundError: An end of the range is not here.
        GitError: Git failed, or is not installed.
        DamageError: There is more of it than can be read.

    Example:
        >>> verify_range(Repository(".", env), "origin/gtrack..gtrack").ok
        True
    """
    report = check_range(repo, text, allow_epoch=allow_epoch)
    old, _, new = text.partition("..")
    tip = find_commit(repo, new) if new.strip("0") else None
    if tip is None or report.newer:
        return report
    base = find_commit(repo, old) if old.strip("0") else None
    found = Findings()
    signers, demands = signers_of(repo), read_demands(repo)
    with checker_of(repo, signers) as checker:
        work = _Range(repo, tip, base, demands, checker, found, allow_bypass)
        if work.commits and signers.problem is not None:
            found.of(tip).error(signers.where, signers.problem, "commit the file, or correct policy.signers")
        work.check_models()
        work.check_runs()
    return RangeReport((*report.findings, *found.all()), report.commits, report.files)


@dataclass
class _Range:
    """What a range adds, looked at by model and by run."""

    repo: Repository
    new: str
    old: str | None
    demands: Demands
    checker: Checker
    found: Findings
    allow_bypass: bool
    _contents: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def commits(self) -> dict[str, str]:
        """The commit that added each new file, by path: the oldest of several."""
        changes: Sequence[Change] = read_incoming(self.repo, self.new, self.old).changes
        return {change.path: change.commit for change in reversed(changes) if change.kind == "A"}

    def check_models(self) -> None:
        """Check what is new about models."""
        folders = sorted({"/".join(path.split("/")[:2]) for path in self.commits if path.startswith("models/")})
        for folder in folders:
            name = names.model_of_dir(folder.partition("/")[2])
            if name is None:
                continue  # it has no effect, and fsck names it
            files = self._listed([folder])
            records = read_records(name, files, self._read, self.checker)
            problems = list(records.problems)
            for record in (*records.versions.values(), *records.events.values()):
                if self._is_new(record.path):
                    problems += self._of(records, record.path)
            problems += self._of_numbers(records, files)
            self._tell(problem for problem in problems if self._is_new(problem.path))

    def check_runs(self) -> None:
        """Check that new files of runs are by the key that signed the start of their run."""
        touched = sorted({known[0] for path in self.commits if (known := names.split_path(path)) is not None})
        for at in range(0, len(touched), _AT_ONCE):
            listed: dict[str, dict[str, File]] = {}
            for path, file in self._list([names.run_dir(run_id) for run_id in touched[at : at + _AT_ONCE]]).items():
                listed.setdefault(path.split("/")[2], {})[path] = file
            for run_id, files in listed.items():
                if f"{names.run_dir(run_id)}/run.yaml" in signatures_beside(files):
                    self._load(files)
                    start = signed_start(files, self._read, run_id, self.checker)
                    if start is not None and start.best is not None:
                        self._tell(self._of_run(run_id, files, start))
                    self._contents.clear()

    def _of(self, records: ModelRecords, path: str) -> Iterator[Problem]:
        event = records.events.get(path)
        if event is None:
            version = next(each for each in records.versions.values() if each.path == path)
            yield from signature_problems(records.name, version, self.demands)
            if self.demands.problem is not None:
                what = f"the policy cannot be read, so nothing is let through: {self.demands.problem}"
                yield Problem(path, "policy", what)
            return
        pins = Pins(self._run_yaml)
        for problem in event_problems(records, event, self.demands, pins, allow_bypass=self.allow_bypass):
            # A file that is not what was approved may be older than the range: it is the event that is refused.
            if self._is_new(problem.path):
                yield problem
            else:
                yield Problem(path, problem.rule, f"{problem.path}: {problem.what}", problem.hint, problem.warning)

    def _of_numbers(self, records: ModelRecords, files: Iterable[str]) -> Iterator[Problem]:
        """Yield what would give a number to another version: history says whose it is."""
        known = [(path, names.parse_model_file(path.split("/", 2)[2])) for path in files]
        claims = [(path, file.number, file.uid) for path, file in known if file is not None and file.number is not None]
        taken = {number: uid for path, number, uid in claims if not self._is_new(path)}
        for path, number, uid in claims:
            if self._is_new(path) and taken.get(number, uid) != uid:
                yield Problem(path, "number", f"version {number} is ~{str(taken[number])[:SHORT]} already")
        for event in records.events.values():
            claimed, stands = event.body.get("instead_of"), event.text("stands")
            if event.event != "number" or not self._is_new(event.path) or not isinstance(claimed, int):
                continue
            first = first_claim(self.repo, records.name, claimed, (event.uid, stands), self.old)
            if first not in (None, stands):
                what = f"~{str(first)[:SHORT]} claimed version {claimed} first, and keeps it"
                yield Problem(event.path, "number", what)

    def _of_run(self, run_id: str, files: Mapping[str, File], start: FileSignatures) -> Iterator[Problem]:
        path, best = f"{names.run_dir(run_id)}/run.yaml", start.best
        assert best is not None
        new = [each for each in files if self._is_new(each) and signed_file(each) == path]
        faults = dict(start.faults)
        for each in new:
            if each in faults:
                yield Problem(each, "altered", faults[each])
        if best.verdict == "other":
            where = new[0] if new else path
            yield Problem(
                where, "run-signed", f"the start of run {run_id[:SHORT]} is signed, and {best.why}, not its author"
            )
        if not start.good:
            return
        before = self._signers_before(path)
        for each in new:
            if before and each not in before and self._signer_of(path, each, files) not in before.values():
                yield Problem(each, "run-signed", f"another key signed the start of run {run_id[:SHORT]} already")
        yield from unsigned_files(files, self._read, best, self.checker, among=self._is_new)

    def _signers_before(self, path: str) -> dict[str, str | None]:
        """Return who signed a file at the old end of the range, by the paths of the signatures."""
        if self.old is None:
            return {}
        files = self._listed([path.rpartition("/")[0]], self.old)
        return {each: self._signer_of(path, each, files) for each in files if signed_file(each) == path}

    def _signer_of(self, path: str, signature: str, files: Mapping[str, File]) -> str | None:
        found = self.checker.check(self._read(files[path].oid), self._read(files[signature].oid), by=None, stamp="")
        return found.signer or found.key

    def _run_yaml(self, run_id: str) -> bytes | None:
        path = f"{names.run_dir(run_id)}/run.yaml"
        files = self._listed([path])
        return self._read(files[path].oid) if path in files else None

    def _is_new(self, path: str) -> bool:
        return path in self.commits

    def _tell(self, problems: Iterable[Problem]) -> None:
        for problem in dict.fromkeys(problems):
            found = self.found.of(self.commits.get(problem.path, self.new))
            tell = found.warning if problem.warning else found.error
            tell(problem.path, f"[{problem.rule}] {problem.what}", problem.hint)

    def _listed(self, folders: Sequence[str], commit: str | None = None) -> dict[str, File]:
        """Return the files below some folders of a commit; the contents of the small ones are read at once."""
        files = self._list(folders, commit)
        self._load(files)
        return files

    def _list(self, folders: Sequence[str], commit: str | None = None) -> dict[str, File]:
        """Return the files below some folders of a commit that the format knows."""
        raw = run_bounded(self.repo, ["ls-tree", "-r", "-z", "--full-tree", commit or self.new, "--", *folders])
        files = {}
        for line in raw.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            head, _, path = line.partition("\t")
            mode, kind, oid = head.split(" ")
            if kind == "blob" and place(path) is not None:
                files[path] = File(int(mode, 8), oid)
        return files

    def _load(self, files: Mapping[str, File]) -> None:
        wanted = {file.oid for file in files.values()} - self._contents.keys()
        small = [oid for oid, size in sizes_of(self.repo, wanted).items() if size <= FILE_BYTES]
        self._contents |= read_blobs(self.repo, small) if small else {}

    def _read(self, oid: str) -> bytes:
        try:
            return self._contents[oid]
        except KeyError:
            raise DamageError(f"its object {oid[:12]} is missing, or too large") from None
