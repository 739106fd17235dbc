"""``gtrack verify``: the proof of a version, of a run or of everything, from what is in this clone alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gtrack.branch.author import author
from gtrack.branch.commit import commit_files
from gtrack.branch.repository import Repository
from gtrack.branch.signature_check import Checker
from gtrack.errors import GtrackError, NetworkError, NotFoundError, UsageError
from gtrack.format import names
from gtrack.ids import SHORT
from gtrack.model.registered import Version
from gtrack.model.registry_events import person
from gtrack.model.version_name import RunPath, parse_name
from gtrack.model.version_pick import pick
from gtrack.ops.artifact_check import check_artifacts
from gtrack.ops.artifacts import artifacts_of
from gtrack.ops.signatures import Signers, checker_of, sign_files, signers_of
from gtrack.ops.trees import trees_of, visible_tips
from gtrack.ops.verify_demands import Demands, EarlierDemands, read_demands
from gtrack.ops.verify_model import Model, check_files, check_registry, check_standing, load_model_records
from gtrack.ops.verify_result import Chain, Verification
from gtrack.ops.verify_rules import Pins
from gtrack.ops.verify_run import SIGNED_KINDS, check_recorded_run, check_run_facts
from gtrack.ops.verify_tree import altered_in_history, models_in, read_folder, read_sound
from gtrack.ops.view import View
from gtrack.text import clean

if TYPE_CHECKING:
    from gtrack.model.state import RunState
    from gtrack.reader import Repo

__all__ = ["add_signatures", "fetch_subject", "verify"]

_MODEL = ("models:/", "runs:/")


def verify(repo: Repo, subject: str | None = None) -> Verification:
    """Prove a version, a run or everything. No remote is asked, and nothing is changed.

    Args:
        repo: The repository.
        subject: The name of a version (``models:/churn@champion``, ``churn/3``), a model's name, a run's selector; None
            for everything.

    Returns:
        The chain. It is broken where anything is not as it was recorded, or not as the team's policy demands.

    Raises:
        NotFoundError: There is no such version or run.
        UsageError: The name cannot be one.

    Example:
        >>> verify(gtrack.Repo("."), "models:/churn@champion").ok
        True
    """
    with _Proof(repo) as proof:
        if subject is None:
            return proof.everything()
        named = proof.resolve(subject)
        if isinstance(named, tuple):
            return proof.version(*named)
        return proof.run(named)


def fetch_subject(repo: Repo, subject: str | None, *, interactive: bool = False) -> None:
    """Fetch what a proof reads and is not here: the snapshots of code, and the content of files.

    Args:
        repo: The repository.
        subject: As for :func:`verify`.
        interactive: Let git ask for credentials.

    Raises:
        UsageError: There is no tracking remote, or the clone is shallow.
        NetworkError: The remote could not be reached, or did not let us in.
    """
    from gtrack.ops.artifact_content import Contents
    from gtrack.ops.run_code import fetch_code

    fetch_code(repo.repository, interactive=interactive)
    contents = Contents(repo.repository, interactive=interactive)
    with _Proof(repo) as proof:
        named = [proof.resolve(subject)] if subject is not None else proof.versions()
        for each in named:
            run_id = each[1].run if isinstance(each, tuple) else each.id
            if run_id is not None:
                contents.bring(artifacts_of(repo.repository, proof.trees, run_id).values())


def add_signatures(repo: Repo, subject: str, *, interactive: bool) -> list[str]:
    """Sign what this user has written of a subject and is not signed; return the paths of the signatures.

    Args:
        repo: The repository.
        subject: As for :func:`verify`.
        interactive: Somebody is there to type a passphrase.

    Raises:
        SigningError: It cannot be signed; the hint says what to type.
        NotFoundError: There is no such version or run.
    """
    repository = repo.repository
    by = author(repository.config, repository.env)
    with repository.lock(), _Proof(repo) as proof:
        named = proof.resolve(subject)
        if isinstance(named, tuple):
            files = proof.unsigned_of_model(named[0], person(by))
            what = named[0].state.name
        else:
            files = proof.unsigned_of_run(named, person(by))
            what = f"run {named.id[:SHORT]}"
        made = sign_files(repository, files, interactive=interactive)
        if made:
            subject_line = f"{what}: {len(made)} signatures by {by}"
            shown = "".join(c if c.isprintable() else " " for c in subject_line)
            commit_files(repository, made, shown[:120], by=by)
    return sorted(made)


class _Proof:
    """What all proofs go by: the trees that count, the policy, whose signatures count."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.repository: Repository = repo.repository
        self.tips = visible_tips(self.repository)
        self.trees: Sequence[str] = trees_of(self.tips)
        self.demands: Demands = read_demands(self.repository)
        self.earlier = EarlierDemands(self.repository, self.demands)
        self.signers: Signers = signers_of(self.repository)
        self.checker: Checker = checker_of(self.repository, self.signers)
        self.view = View(self.repository)

    def __enter__(self) -> _Proof:
        return self

    def __exit__(self, *exc: object) -> None:
        self.checker.__exit__(*exc)

    def resolve(self, subject: str) -> tuple[Model, Version] | RunState:
        """Return the version or the run that a text names."""
        models = models_in(self.repository, self.trees)
        plain = subject.startswith(_MODEL) or "@" in subject
        if plain or subject.partition("/")[0] in models:
            name = parse_name(subject)
            if isinstance(name, RunPath):
                return self.view.state(self.view.select(name.text.partition("/")[0]))
            if name.model not in models:
                raise NotFoundError(f"there is no model {name.model!r:.80} here", hint="gtrack model ls; gtrack pull")
            model = load_model_records(self.repository, self.trees, name.model, self.checker)
            return model, pick(model.state, name, deleted=True, settled=False)
        return self.view.state(self.view.select(subject))

    def versions(self) -> list[tuple[Model, Version]]:
        """Return every version of every model."""
        models = (
            load_model_records(self.repository, self.trees, name, self.checker)
            for name in models_in(self.repository, self.trees)
        )
        return [(model, version) for model in models for version in model.state.versions]

    def version(self, model: Model, version: Version) -> Verification:
        """Prove a version."""
        chain = Chain()
        self._say_settings(chain)
        check_files(self.repository, self.trees, version, chain)
        pins = Pins(self._run_yaml)
        check_standing(model, version, self.demands, pins, chain)
        check_registry(model, self.demands, self.earlier, pins, chain)
        folders = [model.folder]
        if version.run is not None:
            folders.append(names.run_dir(version.run))
            self._run(version.run, chain)
        altered_in_history(self.repository, [tip.oid for tip in self.tips], folders, chain)
        return chain.result(version.name)

    def run(self, state: RunState) -> Verification:
        """Prove a run."""
        chain = Chain()
        self._say_settings(chain)
        self._artifacts(state.id, chain)
        self._run(state.id, chain)
        folder = names.run_dir(state.id)
        altered_in_history(self.repository, [tip.oid for tip in self.tips], [folder], chain)
        return chain.result(f"run {state.id[:SHORT]} {state.name}")

    def everything(self) -> Verification:
        """Prove all that is here: what fsck checks, every version, the signatures of every run."""
        from gtrack.ops.fsck import check

        chain = Chain()
        self._say_settings(chain)
        report = check(self.repo)
        chain.findings(report.findings)
        if report.ok:
            chain.ok("files", self.repository.branch, f"{report.files:,} files in {report.commits:,} commits are sound")
        pins = Pins(self._run_yaml)
        made: set[str] = set()
        for name in models_in(self.repository, self.trees):
            model = load_model_records(self.repository, self.trees, name, self.checker)
            check_registry(model, self.demands, self.earlier, pins, chain)
            for version in model.state.versions:
                check_files(self.repository, self.trees, version, chain)
                check_standing(model, version, self.demands, pins, chain)
                made |= {version.run} if version.run is not None else set()
        for run_id in sorted(made):
            self._run(run_id, chain)
        return chain.result("everything")

    def unsigned_of_model(self, model: Model, by: str) -> dict[str, bytes]:
        """Return what somebody has written of a model and is not signed."""
        records = [*model.records.versions.values(), *model.records.events.values()]
        return {each.path: each.data for each in records if each.person == by and not each.signatures.good}

    def unsigned_of_run(self, state: RunState, by: str) -> dict[str, bytes]:
        """Return the files of somebody's run that have no signature."""
        from gtrack.branch.members import place
        from gtrack.ops.signatures import signatures_beside

        if person(state.author) != by:
            raise UsageError(f"run {state.id[:SHORT]} is by {clean(state.author)}: its author has to sign it")
        files = read_folder(self.repository, self.trees, names.run_dir(state.id)).files
        beside = signatures_beside(files)
        own = [path for path in files if (known := place(path)) is not None and known.kind in SIGNED_KINDS]
        return {path: read_sound(self.repository, files[path].oid) for path in own if path not in beside}

    def _run(self, run_id: str, chain: Chain) -> None:
        check_recorded_run(self.repository, self.trees, run_id, self.checker, chain)
        try:
            state = self.view.state(run_id)
        except NetworkError:
            raise
        except (GtrackError, KeyError) as error:
            chain.broken("run", run_id, f"it cannot be read: {error}")
            return
        chain.note("run", run_id, f"{state.name}, {state.status}, by {state.author or 'nobody known'}")
        check_run_facts(self.repository, state, chain)

    def _artifacts(self, run_id: str, chain: Chain) -> None:
        checked = check_artifacts(self.repository, {run_id: artifacts_of(self.repository, self.trees, run_id).values()})
        for damage in checked.damage:
            chain.broken("file", damage.path, f"in the {damage.place}: {damage.what}", "gtrack artifact verify --deep")
        if checked.absent:
            chain.absent(
                "file", run_id, f"{checked.absent:,} of {checked.objects:,} objects are not here", "gtrack pull"
            )
        if checked.artifacts and not checked.damage and not checked.absent:
            chain.ok("file", run_id, f"{checked.artifacts:,} artifacts are what their manifests say")

    def _say_settings(self, chain: Chain) -> None:
        if self.demands.problem is not None:
            chain.broken("policy", "gtrack.yaml", self.demands.problem, "correct it, commit and push")
        if self.signers.problem is not None:
            chain.broken("signers", self.signers.where, self.signers.problem, "commit it, or name another")

    def _run_yaml(self, run_id: str) -> bytes | None:
        for tree in reversed(self.trees):
            found = self.repository.objects.find(tree, f"{names.run_dir(run_id)}/run.yaml")
            if found is not None:
                try:
                    return read_sound(self.repository, found[1])
                except NetworkError:
                    raise
                except (GtrackError, KeyError):
                    return b""  # what is damaged is not what was pinned
        return None
