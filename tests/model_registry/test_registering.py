"""Registering, naming and moving versions through the Python API, in a repository of one's own and in a clone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_team import MODEL, Person, Registry, git

import gtrack
from gtrack.display.exchange import pulled, pushed
from gtrack.errors import (
    AmbiguousError,
    ConflictError,
    GateError,
    NotFoundError,
    PolicyError,
    UsageError,
)
from gtrack.format import names
from gtrack.model.registered import digest_of
from gtrack.ops import model_events, model_stages
from gtrack.ops.artifacts import read_artifact
from gtrack.ops.fsck import check
from gtrack.ops.registering import register_version
from gtrack.ops.registry import model_names, resolve, version_artifacts, versions_of_run

MLMODEL = """\
artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
  sklearn:
    serialization_format: skops
signature:
  inputs: '[{"type": "double", "name": "age", "required": true}]'
  outputs: '[{"type": "long", "required": true}]'
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository without a remote, in which the process works."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "train.py").write_text("print('one')\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "code")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GTRACK_QUIET", "1")
    return tmp_path


@pytest.fixture
def run_id(here: Path) -> str:
    with gtrack.start_run(experiment="churn", name="first") as run:
        run.log({"val_auc": 0.91, "precision": 0.8})
        run.log_text(MLMODEL, "model/MLmodel")
        run.log_artifact(b"weights", "model", name="model.skops")
        run.log_artifact(b"other", name="other.bin")
    return run.id


def test_a_folder_becomes_a_version_with_digests_flavors_and_signature(run_id: str) -> None:
    made = gtrack.register_model(f"runs:/{run_id}/model", MODEL, description="the first", gate="metrics.val_auc >= 0.9")
    assert (made.name, made.label, made.run, made.path) == ("churn/1", "1 (local)", run_id, "model")
    assert [(file.path, file.size) for file in made.files] == [("MLmodel", len(MLMODEL)), ("model.skops", 7)]
    assert made.files[1].sha256 == hashlib.sha256(b"weights").hexdigest()
    lines = "".join(f"{file.sha256}  {file.size}  {file.path}\n" for file in made.files)
    assert made.digest == digest_of(made.files) == hashlib.sha256(lines.encode()).hexdigest()
    assert made.flavors == ("python_function", "sklearn")
    assert made.signature is not None
    assert json.loads(str(made.signature["inputs"]))[0]["name"] == "age"
    assert made.gate == {"condition": "metrics.val_auc >= 0.9", "verdict": "pass"}
    with gtrack.Repo() as repo:
        assert repo.model_version("churn/1") == repo.model_version("models:/churn/latest") == made
        assert [version.uid for version in versions_of_run(repo.repository, run_id)] == [made.uid]
        read = {each.path: each for each in version_artifacts(repo.repository, made)}
        assert sorted(read) == ["MLmodel", "model.skops"]
        assert "model churn: registered" in git(Path(repo.root), "log", "-1", "--format=%s", "gtrack")


def test_one_file_will_do_and_any_selector_of_a_run(run_id: str) -> None:
    made = gtrack.register_model("first/other.bin", MODEL)
    assert [(file.path, file.size) for file in made.files] == [("other.bin", 5)]
    assert gtrack.register_model("runs:/last/model/model.skops", MODEL).name == "churn/2"


def test_a_live_run_can_register_what_it_has_kept_so_far(here: Path) -> None:
    with gtrack.start_run(name="live") as run:
        run.log({"val_auc": 0.5})
        run.log_artifact(b"one", "model", name="model.bin")
        made = gtrack.register_model(f"runs:/{run.id}/model", MODEL)
        run.log_artifact(b"two", "model", name="model.bin")
        with pytest.raises(GateError, match=r"metrics.val_auc >= 0.9: it is 0.5"):
            gtrack.register_model(f"runs:/{run.id}/model", MODEL, gate="metrics.val_auc >= 0.9")
        for number in (2, 3):
            run.log_artifact(b"%d" % number, "model", name="model.bin")
            assert gtrack.register_model(f"runs:/{run.id}/model", MODEL).name == f"churn/{number}"
    with gtrack.Repo() as repo:
        (artifact,) = version_artifacts(repo.repository, repo.model_version(made.name))
        assert artifact.digest == hashlib.sha256(b"one").hexdigest()
        assert read_artifact(repo.repository, artifact) == b"one", "what was put in its place later does not matter"
        kept = [version_artifacts(repo.repository, version)[0] for version in repo.model(MODEL).versions]
        assert [read_artifact(repo.repository, artifact) for artifact in kept] == [b"one", b"2", b"3"]
        (live,) = repo.runs()
        assert (live.status, live.metrics, live.read_artifact("model/model.bin")) == (
            "finished",
            {"val_auc": 0.5},
            b"3",
        )


@pytest.mark.parametrize(
    ("source", "name", "more", "error", "said"),
    [
        ("runs:/first/model", MODEL, {"gate": "metrics.val_auc >= 0.95 AND metrics.precision > 0"}, GateError,
         r"run \w+ first does not pass the gate: metrics.val_auc >= 0.95: it is 0.91 "),
        ("runs:/first/model", MODEL, {"gate": "metrics.f1 > 0"}, GateError, "the run has none"),
        ("runs:/first/model", MODEL, {"gate": "metrics.val_auc >>"}, UsageError, "metrics.val_auc >>"),
        ("runs:/first/modell", MODEL, {}, NotFoundError, "no artifact 'modell'"),
        ("runs:/nobody/model", MODEL, {}, NotFoundError, "no run"),
        ("runs:/first", MODEL, {}, UsageError, "names no artifact of a run"),
        ("first", MODEL, {}, UsageError, "names a run and none of its artifacts"),
        ("runs:/first/model", "a/b", {}, UsageError, "cannot be a model's name: it has the character '/'"),
        ("runs:/first/model", " ", {}, UsageError, "it is empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_registered_says_why_and_leaves_nothing(run_id, source, name, more, error, said):  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=said) as told:
        gtrack.register_model(source, name, **more)
    if error is GateError:
        assert told.value.exit_code == 1
    assert gtrack.Repo().models() == []


def test_aliases_stages_and_rollbacks(run_id: str) -> None:
    for _ in range(3):
        gtrack.register_model("first/model", MODEL)
    for number in (1, 2, 3):
        assert gtrack.set_alias(MODEL, "champion", number).aliases == ("champion",)
        assert gtrack.promote(f"churn/{number}", "production", reason="better").stage == "Production"
    with gtrack.Repo() as repo:
        assert repo.model_version("churn@champion").name == repo.model_version("churn/Production").name == "churn/3"
        for number in (2, 1):  # one further back each time, and not forth again
            done = model_stages.rollback(repo.repository, MODEL, "champion")
            assert done.version is not None
            assert done.version.name == f"churn/{number}"
            done = model_stages.rollback(repo.repository, MODEL, "PRODUCTION", reason="false alarms")
            assert done.version is not None
            assert (done.version.name, done.version.stage) == (f"churn/{number}", "Production")
        for what in ("champion", "production"):
            with pytest.raises(NotFoundError):
                model_stages.rollback(repo.repository, MODEL, what)
        churn = repo.model(MODEL)
        assert [version.stage for version in churn.versions] == ["Production", "Archived", "Archived"]
        changes = [change for change in churn.stage_changes if change.stage == "Production"]
        assert [change.rollback for change in changes] == [False, False, False, True, True]
        assert churn.in_stage("Production", at=changes[2].time)[0].name == "churn/3"
        subjects = git(Path(repo.root), "log", "-2", "--format=%s", "gtrack")
        assert "rollback, " in subjects
    gtrack.delete_alias(MODEL, "champion")
    with pytest.raises(NotFoundError, match="churn has no alias 'champion'"):
        gtrack.Repo().model_version("churn@champion")


def test_what_is_so_already_is_not_written_again(run_id: str) -> None:
    gtrack.register_model("first/model", MODEL)
    gtrack.set_alias(MODEL, "champion", "churn/1")
    gtrack.promote("churn/1", "staging")
    with gtrack.Repo() as repo:
        tip = repo.repository.tip
        assert model_events.set_alias(repo.repository, MODEL, "champion", "1").event is None
        assert model_stages.promote(repo.repository, "churn/1", "Staging").event is None
        assert model_events.restore(repo.repository, "churn/1").event is None
        assert repo.repository.tip == tip


def test_later_facts_and_deletion(run_id: str) -> None:
    gtrack.register_model("first/model", MODEL)
    gtrack.register_model("first/model", MODEL)
    with gtrack.Repo() as repo:
        at = repo.repository
        model_events.log_metrics(at, "churn/1", {"shadow_auc": 0.93})
        model_events.deployed(at, "churn/1", "https://models.example.org/churn", reason="pilot")
        model_events.note(at, "churn/1", "drifts on new customers")
        model_events.note(at, MODEL, "who leaves?")
        model_events.tag(at, "churn/1", {"region": "eu", "old": 1})
        model_events.tag(at, "churn/1", {"old": None})
        model_events.tag(at, MODEL, {"team": "growth"})
        model_events.describe(at, MODEL, "who leaves next month")
        model_events.describe(at, "churn/1", "pilot")
        one, churn = repo.model_version("churn/1"), repo.model(MODEL)
        assert (one.metrics, one.tags, one.description) == ({"shadow_auc": 0.93}, {"region": "eu"}, "pilot")
        assert (one.deployments[0].endpoint, one.notes[0].text) == (
            "https://models.example.org/churn",
            "drifts on new customers",
        )
        assert (churn.tags, churn.description, churn.notes[0].text) == (
            {"team": "growth"},
            "who leaves next month",
            "who leaves?",
        )
        gtrack.set_alias(MODEL, "champion", 1)
        with pytest.raises(ConflictError, match="churn/1 is churn@champion"):
            model_events.delete(at, "churn/1")
        model_events.delete(at, "churn/2", reason="leaky")
        with pytest.raises(NotFoundError, match="churn/2 was deleted"):
            repo.model_version("churn/2")
        model_events.restore(at, "churn/2")
        assert repo.model_version("churn/2").name == "churn/2"
        gtrack.delete_alias(MODEL, "champion")
        model_events.delete(at, MODEL)
        assert (repo.models(), model_names(at)) == ([], [MODEL])
        assert [each.name for each in repo.models(deleted=True)] == [MODEL]
        with pytest.raises(NotFoundError, match="the model 'churn' was deleted"):
            gtrack.register_model("first/model", MODEL)
        model_events.restore(at, MODEL)
        assert [entry.kind for entry in repo.model(MODEL).history][:3] == ["registered", "registered", "metrics"]
        assert len(repo.models()[0].to_dict()["versions"]) == 2  # type: ignore[arg-type]
        report = check(repo)
        assert (report.ok, report.findings) == (True, ())


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("churn", UsageError, "which version of 'churn'"),
        ("churn/champion", UsageError, "neither a number nor a stage"),
        ("churn@latest", UsageError, "cannot be an alias"),
        ("churn/7", NotFoundError, "churn has no version 7; it has 1"),
        ("churn@challenger", NotFoundError, "no alias 'challenger'; it has champion"),
        ("churn/staging", NotFoundError, "no version of churn is in Staging"),
        ("churm/1", NotFoundError, "no model 'churm'; did you mean 'churn'"),
        ("churn/~ffff", NotFoundError, "no version ~ffff"),
        ("churn/None", NotFoundError, "no version of churn is in None"),
        ("runs:/last/model", UsageError, "a run's artifact"), ("models:/a@b@c", UsageError, "cannot be an alias"),
        ("churn/production", AmbiguousError, "2 versions of churn are in Production: churn/2, churn/1"),
    ],
)  # fmt: skip
def test_a_name_that_means_nothing_says_what_to_type(run_id: str, text: str, error: type[Exception], said: str) -> None:
    for number in (1, 2):
        gtrack.register_model("first/model", MODEL)
        gtrack.promote(f"churn/{number}", "production", keep=True)
    gtrack.set_alias(MODEL, "champion", 1)
    with pytest.raises(error, match=said):
        gtrack.Repo().model_version(text)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path, ("Ada", "Ben"))
    yield made
    made.close()


def test_before_a_push_a_version_has_no_number_and_errors_say_what_it_is_called(registry: Registry) -> None:
    ada, ben = registry.people
    made = ada.register(registry.run_id)
    assert (made.name, made.label) == (f"churn/~{made.uid[:7]}", f"~{made.uid[:7]}")
    for text in ("churn/1", "churn/latest"):
        with pytest.raises(NotFoundError) as told:
            resolve(ada.repository, text)
        assert told.value.hint == f"gtrack push claims its number; until then it is churn/~{made.uid[:7]}"
    assert resolve(ada.repository, made.name).version == made
    done = ada.push()
    assert done.numbered == ((MODEL, 1, made.uid),)
    assert resolve(ada.repository, "churn/1").version.uid == made.uid
    ben.pull()
    assert ben.model() == ada.model()


def test_what_two_moved_at_once_is_no_answer_until_it_is_settled(registry: Registry) -> None:
    ada, ben = registry.people
    for _ in range(2):
        ada.register(registry.run_id)
    ada.push()
    ben.pull()
    model_events.set_alias(ada.repository, MODEL, "champion", 1)
    model_events.set_alias(ben.repository, MODEL, "champion", 2)
    ada.push()
    ben.push()
    with pytest.raises(ConflictError) as told:
        resolve(ben.repository, "churn@champion")
    assert "churn/1 by Ada <ada@example.org> and churn/2 by Ben <ben@example.org>" in told.value.message
    assert resolve(ben.repository, "churn@champion", settled=False).version.name == "churn/2"
    model_events.set_alias(ben.repository, MODEL, "champion", 2)
    assert resolve(ben.repository, "churn@champion").version.name == "churn/2"


def test_the_policy_is_asked_and_a_bypass_is_recorded(registry: Registry) -> None:
    seed = registry.place / "seed"
    rules = {"require": "metrics.val_auc >= 0.95", "production": {"promoters": ["ben@example.org"], "approvals": 1}}
    (seed / "gtrack.yaml").write_text(json.dumps({"policy": {"models": {"churn": rules}}}))
    git(seed, "add", "gtrack.yaml")
    git(seed, "commit", "-q", "-m", "policy")
    git(seed, "push", "-q", "origin", "HEAD:main")
    ada, ben = registry.people
    git(ada.path, "fetch", "-q")
    git(ben.path, "fetch", "-q")
    with pytest.raises(PolicyError, match=r"0\.91"):
        ada.register(registry.run_id)
    assert ada.repo.models() == []
    made = register_version(ada.repository, registry.run_id, "model", MODEL, bypass="a pilot")
    assert made.bypass is not None
    assert made.bypass["reason"] == "a pilot"
    with pytest.raises(PolicyError, match="may not promote"):
        model_stages.promote(ada.repository, made.name, "production")
    done = model_stages.promote(ada.repository, made.name, "production", bypass="outage")
    assert done.outcome["effective"]
    (entry,) = (entry for entry in done.model.history if entry.kind == "stage")
    assert entry.bypass is not None
    assert entry.bypass["reason"] == "outage"
    assert "approvals" in {each["rule"] for each in entry.bypass["violations"]}  # type: ignore[attr-defined]


def test_promotions_and_approvals_pin_what_they_are_about(registry: Registry) -> None:
    ada, _ = registry.people
    made = ada.register(registry.run_id)
    done = model_stages.promote(ada.repository, made.name, "staging")
    assert done.event is not None
    folder = names.model_dir(MODEL)
    event = git(ada.path, "show", f"gtrack:{folder}/{done.event}")
    file = f"{git(ada.path, 'show', f'gtrack:{folder}/versions/{made.uid}.yaml')}\n".encode()
    started = f"{git(ada.path, 'show', f'origin/gtrack:{names.run_dir(registry.run_id)}/run.yaml')}\n".encode()
    for data in (file, started):
        assert hashlib.sha256(data).hexdigest() in event
    assert made.sha256 == hashlib.sha256(file).hexdigest()


def test_a_clone_of_one_commit_numbers_and_reads_as_any_other(registry: Registry) -> None:
    ada, _ = registry.people
    first = ada.register(registry.run_id)
    ada.push()
    url = f"file://{registry.bare}"
    git(registry.place, "clone", "-q", "--depth=1", "--no-single-branch", url, "shallow")
    chi = Person(registry.place / "shallow", "Chi")
    try:
        second = chi.register(registry.run_id)
        assert chi.push().numbered == ((MODEL, 2, second.uid),)
        ada.pull()
        assert ada.model().numbers.by_uid == {first.uid: 1, second.uid: 2}
    finally:
        chi.close()


def test_a_push_and_a_pull_tell_of_models(registry: Registry) -> None:
    ada, ben = registry.people
    ada.register(registry.run_id)
    assert "1 change of the model churn pushed" in pushed(ada.push())
    assert pulled(ben.pull()).startswith("0 new runs and 1 change of the model churn from origin")
