"""The page of registered models: what it shows, and what it asks of whom."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from apptest import is_whole, make_repository, open_page, record, texts
from models_world import BEN, POLICY, as_ben, churn, make_models, says
from streamlit.testing.v1 import AppTest

import gtrack
from gtrack._app.screens.models.settings import TABS
from gtrack.ops.model_events import log_metrics
from gtrack.ops.model_stages import promote


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("models") / "repo")


@pytest.fixture
def repo(template: Path, tmp_path: Path) -> Path:
    """A repository with three versions of a model, and a policy that asks for an approval."""
    return Path(shutil.copytree(template, tmp_path / "repo"))


def said(at: AppTest) -> str:
    tables = "\n".join(str(table.value.to_dict()) for table in (*at.table, *at.dataframe))
    badges = "\n".join(str(getattr(badge, "value", "")) for badge in at.get("badge"))
    return f"{texts(at)}\n{tables}\n{badges}".replace("\\", "")


def show(path: Path, tab: str = "Versions", version: str = "", **more: object) -> AppTest:
    read_only = bool(more.pop("read_only", False))
    address = {"model": "churn", "tab": tab, **({"version": version} if version else {}), **more}
    at = open_page("models", path, read_only=read_only, address=address)
    assert is_whole(at), at.exception[0].value
    return at


def button(at: AppTest, label: str) -> object:
    (found,) = (each for each in at.button if each.label == label)
    return found


def press(at: AppTest, label: str) -> AppTest:
    found = button(at, label)
    assert not found.proto.disabled, f"{label} is not offered"  # type: ignore[attr-defined]
    done: AppTest = found.click().run()  # type: ignore[attr-defined]
    assert is_whole(done), done.exception[0].value
    return done


def labels(at: AppTest) -> set[str]:
    return {each.label for each in at.button}


def typed(at: AppTest, ending: str, text: str) -> None:
    (found,) = (each for each in (*at.text_input, *at.text_area) if str(each.key).endswith(ending))
    found.input(text)


def test_without_models_it_teaches_what_to_type(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    for _ in range(2):
        at = open_page("models", path)
        assert is_whole(at)
        assert "No models yet" in texts(at)
        assert "gtrack model register last/model churn" in texts(at)
        assert 'run.log_model(model, "model", register="churn")' in texts(at)
        record(path)


def test_all_models_are_listed_and_what_waits_comes_first(repo: Path) -> None:
    with as_ben(repo) as other:
        promote(other.repository, "churn/3", "production")
    for plain in ("0", "1"):
        at = open_page("models", repo, address={"plain": plain})
        assert is_whole(at)
        assert "asked for by Ben, waits for 1 approval" in said(at)
        assert "gtrack model approve churn/3 production" in said(at)
        assert "champion v1 (local)" in said(at)
    assert "gtrack model ls" in texts(at)


@pytest.mark.parametrize("tab", TABS)
def test_a_model_is_shown_by_stage_with_every_tab(repo: Path, tab: str) -> None:
    at = show(repo, tab, "2", plain="1")
    assert "val_auc 0.89" in said(at), "a card has its main metric"
    for label in ("v1 (local)", "v2 (local)", "v3 (local)"):
        assert label in labels(at)
    wanted = {
        "Versions": "run-3",
        "Details": "age: double",
        "Change": "Promote v2 (local)",
        "Compare": "depth",
        "Lineage": "sha256",
        "History": "promoted v1 (local) to Production",
    }[tab]
    assert wanted in said(at)
    assert "gtrack " in "\n".join(code.value for code in at.code), "the same as code"


def test_a_version_goes_by_any_of_its_names(repo: Path) -> None:
    for name in ("1", "champion", "Production", churn(repo).aliases["champion"]):
        at = show(repo, "Details", name)
        assert "churn/1" in said(at)
    at = show(repo, "Details", "17")
    assert "has no version 17" in said(at)
    assert "churn/1" in said(at), "what is in Production is shown instead"
    at = open_page("models", repo, address={"model": "chrun", "tab": "nonsense"})
    assert is_whole(at)
    assert "did you mean 'churn'" in said(at)


def test_two_versions_are_compared_by_what_their_runs_and_files_were(repo: Path) -> None:
    with gtrack.Repo(str(repo)) as opened:
        log_metrics(opened.repository, "churn/1", {"shadow_auc": 0.8})
        log_metrics(opened.repository, "churn/3", {"shadow_auc": 0.9})
    at = show(repo, "Compare", "3")
    found = said(at)
    assert "v1 (local) (reference)" in found
    assert "✓ +0.1" in found, "what was measured later counts too"
    assert "val_auc (max)" in found
    assert "2 files" in found
    assert "the same code" in found
    assert "gtrack diff" in texts(at)
    at = show(repo, "Compare", "3", against="2")
    assert "v2 (local) (reference)" in said(at)


def test_the_verdict_stands_before_the_click_and_production_is_confirmed(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = show(repo, "Change", "3")
    at.button_group[0].set_value("Production").run()
    assert is_whole(at)
    assert "allows v3 (local) to Production with 1 approval of others" in said(at)
    assert "models.churn.production.require · val_auc is 0.94" in said(at)
    assert "v1 (local) makes room" in said(at)
    assert button(at, "Ask for Production").proto.disabled, "it is not confirmed"  # type: ignore[attr-defined]
    at.checkbox[0].check().run()
    at = press(at, "Ask for Production")
    assert "asked for v3 (local) to come into Production" in said(at)
    assert [promotion.needs for promotion in churn(repo).pending] == [1]
    assert "Take it back" in labels(at)
    assert button(at, "Approve v3 (local)").proto.disabled, "who promoted it cannot approve"  # type: ignore[attr-defined]

    for name, value in BEN.items():
        monkeypatch.setenv(name, value)
    at = show(repo)
    assert "The policy allows Ben to decide it" in said(at)
    assert button(at, "Approve v3 (local)").proto.disabled, "it is not confirmed"  # type: ignore[attr-defined]
    at.checkbox[0].check().run()
    typed(at, ".reason", "a week in shadow")
    at = press(at, "Approve v3 (local)")
    assert "approved v3 (local) for Production: v3 (local) is in Production" in said(at)
    assert "waits for" not in texts(at)
    state = churn(repo)
    assert [version.label for version in state.in_stage("Production")] == ["3 (local)"]
    assert state.history[-1].reason == "a week in shadow"


def test_who_asked_takes_it_back_and_somebody_else_rejects(repo: Path) -> None:
    with gtrack.Repo(str(repo)) as opened:
        promote(opened.repository, "churn/3", "production")
    at = press(show(repo), "Take it back")
    assert churn(repo).pending == ()
    assert "the promotion ended" in said(at)


def test_what_the_policy_refuses_is_not_offered_until_a_reason_is_recorded(repo: Path) -> None:
    at = show(repo, "Change", "1")
    says(repo, POLICY.replace("0.85", "0.99"))
    at = show(repo, "Change", "2")
    assert "Production" in str(at.button_group[0].value), "the next stage is proposed"
    assert "The policy does not allow v2 (local) to Production" in said(at)
    assert "not kept" in said(at)
    at.checkbox[0].check().run()
    assert button(at, "Ask for Production").proto.disabled  # type: ignore[attr-defined]
    typed(at, ".bypass", "hotfix for the outage")
    at.run()
    at = press(at, "Promote to Production")
    version = churn(repo).in_stage("Production")[0]
    assert version.label == "2 (local)"
    entry = churn(repo).history[-1]
    assert entry.bypass is not None
    assert entry.bypass["reason"] == "hotfix for the outage"
    at = show(repo, "History")
    assert "the policy was passed over: hotfix for the outage" in said(at)


def test_an_error_is_said_in_the_forms_place_and_nothing_is_written(repo: Path) -> None:
    at = show(repo, "Change", "3")
    assert "The policy allows v3 (local) to Staging" in said(at)
    says(repo, POLICY + "      staging: {promoters: [boss@example.org]}\n")  # after the page was drawn
    before = len(churn(repo).history)
    at = press(at, "Promote to Staging")
    assert ":red[**:material/error:**] the policy" in said(at)
    assert "may not promote" in said(at)
    assert len(churn(repo).history) == before


def test_a_policy_that_cannot_be_read_allows_nothing(repo: Path) -> None:
    says(repo, "policy: {models: {churn: {prodution: {}}}}\n")
    at = show(repo, "Change", "3")
    assert "does not allow" in said(at)
    assert button(at, "Promote to Staging").proto.disabled  # type: ignore[attr-defined]


def test_aliases_notes_deployments_and_rollbacks(repo: Path) -> None:
    at = show(repo, "Change", "2")
    assert button(at, "Point it at v2 (local)").proto.disabled, "no alias is chosen"  # type: ignore[attr-defined]
    (alias,) = (each for each in at.selectbox if each.label == "Alias")
    alias.set_value("champion").run()
    at = press(at, "Point it at v2 (local)")
    state = churn(repo)
    assert state.version(state.aliases["champion"]).number is None  # type: ignore[union-attr]
    assert "champion is v2 (local)" in said(at)
    typed(at, ".text", "drifts in spring")
    at = press(at, "Note on v2 (local)")
    typed(at, ".endpoint", "https://api.example.org/churn")
    at = press(at, "Record that v2 (local) serves there")
    version = churn(repo).version(state.aliases["champion"])
    assert version is not None
    assert version.notes[0].text == "drifts in spring"
    assert version.deployments[0].endpoint == "https://api.example.org/churn"
    at = press(at, "Roll back")
    assert "rolled back: champion is v1 (local) again" in said(at)
    at = press(at, "Take it away")
    assert churn(repo).aliases == {}
    typed(at, ".endpoint", " ")
    at = press(at, "Record that v2 (local) serves there")
    assert "the endpoint is empty" in said(at)


@pytest.mark.parametrize("tab", TABS)
def test_read_only_shows_everything_and_changes_nothing(repo: Path, tab: str) -> None:
    with as_ben(repo) as other:
        promote(other.repository, "churn/3", "production")
    at = show(repo, tab, "2", read_only=True)
    assert "waits for 1 approval" in said(at)
    assert "To approve it:" in said(at)
    wrong = ("Approve", "Reject", "Take", "Promote", "Ask", "Roll", "Point", "Note on", "Record", "Let ")
    assert not [label for label in labels(at) if label.startswith(wrong)]
    assert "Change" not in [each.label for each in at.tabs]


def test_the_page_of_a_run_names_the_versions_that_were_made_of_it_and_its_policy(repo: Path) -> None:
    with gtrack.Repo(str(repo)) as opened:
        run = opened.model("churn").versions[0].run
    at = open_page("run", repo, address={"id": run or ""})
    assert is_whole(at), at.exception[0].value
    assert "churn v1 (local) · Production" in {each.label.replace("\\", "") for each in at.button}


def test_a_run_that_broke_the_policy_says_so_at_its_head(repo: Path) -> None:
    says(repo, "policy: {runs: {tags: [team]}}\n")
    run = record(repo)
    at = open_page("run", repo, address={"id": "last"})
    assert is_whole(at), at.exception[0].value
    assert "policy violated" in said(at), run
