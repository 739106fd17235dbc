"""The page of runs."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

import pyarrow as pa
import pytest
from apptest import HOSTILE, is_whole, make_repository, open_page, record, record_hostile, texts

import gtrack
from gtrack._app.bulk import read_tags
from gtrack._app.run_columns import columns_of, usual_columns
from gtrack.model.state import RunState
from gtrack.ops.experiments import set_protocol


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("empty") / "repo")


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_repository(tmp_path_factory.mktemp("some") / "repo")
    for number in range(3):
        record(path, name=f"run-{number}", experiment="churn", params={"lr": 0.1 * number, "seed": number, "kind": "a"})
    with contextlib.chdir(path), gtrack.start_run("parent", experiment="sweep", system_metrics=False) as parent:
        for number in range(2):
            with gtrack.start_run(f"child-{number}", nested=True, system_metrics=False) as child:
                child.log({"loss": float(number)})
    assert parent.id
    return path


def table(at: object) -> pa.Table:
    return at.dataframe[0].value  # type: ignore[attr-defined]


def names(at: object) -> list[str]:
    return [name.strip() for name in table(at)[" name"]]


def test_an_empty_repository_is_told_what_to_type(empty: Path) -> None:
    at = open_page("runs", empty)
    assert is_whole(at)
    assert "No runs yet" in texts(at)
    assert "gtrack run" in texts(at)


def test_without_a_repository_the_page_says_so(tmp_path: Path) -> None:
    at = open_page("runs", tmp_path)
    assert is_whole(at)
    assert "no git repository" in texts(at).replace("\\", "")


def test_runs_are_shown_the_newest_first_with_what_differs(some: Path) -> None:
    at = open_page("runs", some)
    assert is_whole(at)
    assert names(at) == ["parent", "run-2", "run-1", "run-0"]
    assert {"status", "metrics.val_auc", "params.lr"} <= set(table(at).columns)


def test_children_are_below_their_parent_once_it_is_unfolded(some: Path) -> None:
    folded = open_page("runs", some)
    assert next(iter(table(folded)[" unfold"])) == "▸ 2"
    with gtrack.Repo(str(some)) as repo:
        parent = repo.run("name:parent").id
    at = open_page("runs", some, address={"open": parent})
    assert names(at)[:3] == ["parent", "└ child-1", "└ child-0"]


def test_a_filter_finds_children_too(some: Path) -> None:
    at = open_page("runs", some, address={"where": "name LIKE 'child%'"})
    assert names(at) == ["child-1", "child-0"]


def test_a_status_finds_children_of_parents_that_have_another(some: Path) -> None:
    at = open_page("runs", some, address={"status": "finished"})
    assert {"child-0", "child-1"} <= set(names(at))


def test_a_wrong_filter_is_shown_in_its_place(some: Path) -> None:
    at = open_page("runs", some, address={"where": "metrics.loss >"})
    assert is_whole(at)
    assert not at.dataframe
    assert "metrics.loss >\n" in texts(at)


def test_a_name_that_no_run_has_is_named(some: Path) -> None:
    at = open_page("runs", some, address={"where": "params.lrr < 1"})
    assert "did you mean lr" in texts(at).replace("\\", "")
    assert "No run matches" in texts(at)


def test_a_condition_that_is_chosen_is_added_to_the_filter(some: Path) -> None:
    at = open_page("runs", some, address={"page": "3"})
    at.selectbox(key="runs.condition.field").set_value("params.lr")
    at.text_input(key="runs.condition.value").set_value("0.1").run()
    at.button(key="runs.condition.add").click().run()
    assert names(at) == ["run-1"]
    assert at.query_params["where"] in ("params.lr = 0.1", ["params.lr = 0.1"])
    assert "page" not in at.query_params


def test_runs_are_sorted_by_a_field(some: Path) -> None:
    at = open_page("runs", some, address={"sort": "params.lr", "falling": "0", "experiment": "churn"})
    assert names(at) == ["run-0", "run-1", "run-2"]


def test_the_best_come_first_when_a_metric_is_chosen_to_sort_by(some: Path) -> None:
    at = open_page("runs", some, address={"experiment": "churn"})
    at.selectbox(key="runs.sort").set_value("metrics.loss").run()
    assert at.query_params["falling"] in ("0", ["0"])
    at.selectbox(key="runs.sort").set_value("metrics.val_auc").run()
    assert "falling" not in at.query_params


def test_groups_show_mean_and_spread(some: Path) -> None:
    at = open_page("runs", some, address={"group": "params.kind", "experiment": "churn"})
    assert is_whole(at)
    assert list(table(at)[" runs"]) == ["3"]
    assert list(table(at)["metrics.val_auc"]) == ["0.9 ± 0"]


def test_the_baseline_is_the_first_row(some: Path) -> None:
    with gtrack.Repo(str(some)) as repo:
        set_protocol(repo.repository, "churn", {"baseline": repo.run("name:run-1").id})
    at = open_page("runs", some, address={"experiment": "churn"})
    assert names(at) == ["⚑ run-1", "run-2", "run-0"]


def test_tags_are_set_on_the_selected_runs(some: Path) -> None:
    with gtrack.Repo(str(some)) as repo:
        chosen = repo.run("name:run-0").id
    at = open_page("runs", some, address={"runs": chosen})
    assert "**1 selected**" in texts(at)
    at.text_input(key="runs.tag.text").set_value("stage=candidate").run()
    next(button for button in at.button if button.label == "Set").click().run()
    assert is_whole(at)
    with gtrack.Repo(str(some)) as repo:
        assert repo.run(chosen).tags["stage"] == "candidate"


def test_a_read_only_dashboard_has_no_actions(some: Path) -> None:
    at = open_page("runs", some, read_only=True)
    labels = {button.label for button in at.button}
    assert "Compare" in labels
    assert not labels & {"Set", "Archive", "Save for the team"}


def test_hostile_texts_are_shown_as_text(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    record_hostile(path)
    at = open_page("runs", path)
    assert is_whole(at)
    shown = table(at)
    assert len(shown) == len(HOSTILE)
    for column in shown.columns:
        for value in shown[column]:
            assert not isinstance(value, str) or (value.isprintable() and len(value) <= 300) or "data:image" in value
    assert "<script>" not in texts(at)


def test_a_view_is_saved_and_named_in_the_address(some: Path) -> None:
    at = open_page("runs", some, address={"where": "params.lr < 1"})
    at.text_input(key="runs.view.name").set_value("small steps").run()
    at.button(key="runs.view.save").click().run()
    assert is_whole(at)
    with gtrack.Repo(str(some)) as repo:
        assert repo.saved_view("small steps").settings == {"where": "params.lr < 1"}
    again = open_page("runs", some, address={"view": "small steps"})
    assert {name.removeprefix("⚑ ") for name in names(again)} == {"run-0", "run-1", "run-2"}


def test_the_code_that_is_offered_asks_the_same(some: Path) -> None:
    at = open_page("runs", some, address={"where": "params.lr < 0.15", "status": "finished", "experiment": "churn"})
    (line,) = [code.value for code in at.code if code.value.startswith("gtrack ls")]
    (python,) = [code.value for code in at.code if "search_runs" in code.value]
    assert line == "gtrack ls --where 'params.lr < 0.15' --experiment churn --status finished"
    with contextlib.chdir(some):
        scope: dict[str, object] = {}
        exec(python.replace("runs.to_pandas()", ""), scope)  # it is what a user pastes
    assert sorted(run.name for run in scope["runs"]) == ["run-0", "run-1"]  # type: ignore[attr-defined]


def test_a_page_beyond_the_last_is_the_last(some: Path) -> None:
    at = open_page("runs", some, address={"page": "7", "experiment": "churn"})
    assert len(table(at)) == 3
    assert "1 to 3 of 3 runs" in texts(at)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("stage=candidate, old-", {"stage": "candidate", "old": None}),
        ("a=b=c", {"a": "b=c"}),
        ("checked", {"checked": True}),
        (" , ", {}),
    ],
)
def test_tags_are_read_as_they_are_typed(text: str, tags: dict[str, object]) -> None:
    assert read_tags(text) == tags


def test_columns_hold_numbers_where_all_values_are_numbers() -> None:
    def run(**params: object) -> RunState:
        return RunState(id="0" * 32, name="a", experiment="e", status="finished", params=params)

    runs = [run(lr=1, kind="a", big=2**70), run(lr=0.5, kind=3, big=1), run()]
    kinds = {column.name: column.kind for column in columns_of(["params.lr", "params.kind", "params.big", "?"], runs)}
    assert kinds == {"params.lr": "number", "params.kind": "text", "params.big": "text"}
    assert "params.lr" in usual_columns(runs)


def test_groups_are_sorted_by_a_metric(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    for number, value in enumerate((0.5, 0.9, 0.7)):
        record(path, {"score": value}, params={"lr": number})
    address = {"group": "params.lr", "sort": "metrics.score"}
    assert table(open_page("runs", path, address=address))["params.lr"].tolist() == ["1", "2", "0"]
    rising = table(open_page("runs", path, address={**address, "falling": "0"}))
    assert rising["params.lr"].tolist() == ["0", "2", "1"]
    other = open_page("runs", path, address={**address, "sort": "duration"})
    assert is_whole(other)
    assert "groups have many values of duration" in texts(other).replace("\\", "")


def test_a_metric_whose_goal_was_declared_is_shown_by_its_best_value_as_in_the_listing(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    with contextlib.chdir(path), gtrack.start_run(system_metrics=False) as run:
        run.define_metric("auc", goal="max")
        for value in (0.5, 0.9, 0.7):
            run.log({"auc": value})
    at = open_page("runs", path)
    assert table(at)["max(metrics.auc)"].tolist() == [0.9]
    assert "max(metrics.auc)" in at.selectbox(key="runs.sort").options


def test_a_search_without_an_answer_leads_back_to_all_runs(some: Path) -> None:
    at = open_page("runs", some, address={"where": "name = 'nobody'"})
    (button,) = (button for button in at.button if button.label == "Show all runs")
    button.click().run()
    assert is_whole(at)
    assert "run-0" in names(at)


def test_the_command_line_is_quoted_whatever_a_metric_is_called(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    record(path, {"a'; touch x; '": 1.0})
    at = open_page("runs", path, address={"sort": "metrics.`a'; touch x; '`"})
    (line,) = (code.value for code in at.code if code.value.startswith("gtrack ls"))
    assert shlex.split(line) == ["gtrack", "ls", "--sort", "-metrics.`a'; touch x; '`"]
