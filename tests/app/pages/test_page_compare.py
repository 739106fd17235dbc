"""The page that compares runs."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from apptest import HOSTILE, is_whole, make_repository, open_page, record, record_hostile, texts
from sweep import make_sweep, states

import gtrack
from gtrack._app.screens.compare.page import DEFAULTS
from gtrack.ops.experiments import set_protocol

PARTS = ("differences", "code", "charts", "parallel", "matrix", "images")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("empty") / "repo")


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sweep(tmp_path_factory.mktemp("some") / "repo")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    path = make_repository(tmp_path_factory.mktemp("hostile") / "repo")
    return path, record_hostile(path)


def ids_of(path: Path) -> list[str]:
    return [run.id for run in states(path)]


def cells(at: Any) -> list[list[str]]:
    return [list(row) for row in at.table[0].value.itertuples(index=False)]


def test_an_empty_repository_is_told_what_to_type(empty: Path) -> None:
    at = open_page("compare", empty)
    assert is_whole(at)
    assert "No runs yet" in texts(at)
    assert "gtrack diff last~1 last" in texts(at)


def test_without_a_selection_the_last_two_are_offered_and_chosen_by_a_button(repo: Path) -> None:
    at = open_page("compare", repo)
    assert "No runs selected" in texts(at)
    at.button[-1].click().run()
    assert is_whole(at)
    assert list(at.query_params["runs"]) == ids_of(repo)[-2:]
    assert "Differ in" in texts(at)


def test_only_what_differs_is_shown_unless_all_is_asked_for(repo: Path) -> None:
    ids = ids_of(repo)
    at = open_page("compare", repo, address={"runs": [ids[0], ids[2]]})
    assert is_whole(at)
    keys = [row[0] for row in cells(at)]
    assert "lr" in keys
    assert not {"seed", r"model\.depth", "same"} & set(keys)
    whole = open_page("compare", repo, address={"runs": [ids[0], ids[2]], "every": "1"})
    assert {"lr", "seed", r"model\.depth", "same"} <= {row[0] for row in cells(whole)}


def test_better_and_worse_are_told_by_sign_and_colour(repo: Path) -> None:
    ids = ids_of(repo)
    rows = {row[0]: row for row in cells(open_page("compare", repo, address={"runs": [ids[0], ids[2]]}))}
    assert rows[r"val\_auc \(max\)"][2].endswith(r":green[✓ \+0\.1 \(\+50\.00\%\)]")
    back = {row[0]: row for row in cells(open_page("compare", repo, address={"runs": [ids[2], ids[0]]}))}
    assert ":red[✗ \\-0\\.1" in back[r"val\_auc \(max\)"][2]


def test_a_selector_in_the_address_becomes_the_id_of_its_run(repo: Path) -> None:
    ids = ids_of(repo)
    at = open_page("compare", repo, address={"runs": ["last~1", "name:lr0.2-s1"]})
    assert list(at.query_params["runs"]) == ids[-2:]


def test_a_run_that_is_not_there_is_told_and_the_others_are_compared(repo: Path) -> None:
    ids = ids_of(repo)
    at = open_page("compare", repo, address={"runs": [ids[0], "f" * 32, ids[1]]})
    assert is_whole(at)
    assert "ffffffff" in texts(at)
    assert "Differ in" in texts(at)


def test_a_single_run_is_compared_with_the_one_before_it(repo: Path) -> None:
    ids = ids_of(repo)
    at = open_page("compare", repo, address={"runs": [ids[2]]})
    assert "Compared with the run before it" in texts(at)
    assert "lr0\\.1\\-s1" in at.table[0].value.columns[1]


def test_the_baseline_is_the_reference_where_it_is_among_the_runs(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "repo")
    first, second = (record(path, name=name, experiment="churn", params={"name": name}) for name in ("one", "two"))
    with gtrack.Repo(str(path)) as repo:
        set_protocol(repo.repository, "churn", {"baseline": second})
    columns = list(open_page("compare", path, address={"runs": [first, second]}).table[0].value.columns)
    assert "two" in columns[1]
    assert "reference" in columns[1]
    chosen = open_page("compare", path, address={"runs": [first, second], "reference": first})
    assert "one" in chosen.table[0].value.columns[1]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_drawn_for_several_runs(repo: Path, part: str) -> None:
    at = open_page("compare", repo, address={"runs": ids_of(repo), "part": part})
    assert is_whole(at)
    assert "error" not in texts(at)


@pytest.mark.parametrize("part", PARTS)
def test_hostile_text_is_shown_as_text(hostile: tuple[Path, list[str]], part: str) -> None:
    path, ids = hostile
    at = open_page("compare", path, address={"runs": ids, "part": part, "every": "1"})
    assert is_whole(at)
    tables = "\n".join(
        str(value) for table in at.table for value in (*table.value.columns, *table.value.to_numpy().ravel())
    )
    shown = texts(at) + tables
    assert "<script>" not in shown
    assert "](javascript" not in shown
    assert "x" * 1_000 not in shown
    assert "\x1b" not in shown
    assert HOSTILE[1][:10] not in shown


def test_the_code_is_git_s_diff_file_by_file(repo: Path) -> None:
    ids = ids_of(repo)
    at = open_page("compare", repo, address={"runs": [ids[0], ids[2]], "part": "code"})
    assert at.expander[-1].label == r"train\.py :green[+1] :red[-1]"
    assert "+print('training better')" in at.code[-1].value
    assert f"gtrack diff {ids[0][:7]} {ids[2][:7]} --code" in [code.value for code in at.code]


def test_without_a_change_the_code_is_said_to_be_the_same(repo: Path) -> None:
    at = open_page("compare", repo, address={"runs": ids_of(repo)[:2], "part": "code"})
    assert "The same code ran" in texts(at)


def test_images_are_side_by_side_at_one_step_with_their_captions_as_text(repo: Path) -> None:
    at = open_page("compare", repo, address={"runs": ids_of(repo)[:2], "part": "images", "step": "1"})
    assert is_whole(at)
    images = at.get("image")
    assert len(images) == 2
    assert [image.proto.imgs[0].caption for image in images] == [r"\*of it\*"] * 2
    assert texts(at).count("step 1") == 2


@pytest.mark.parametrize(
    ("part", "said_there"),
    [
        ("nonsense", {"by": "colour", "reference": "f" * 32}),
        ("code", {"other": "f" * 32}),
        ("charts", {"x": "hash", "smoothing": "7", "metrics": ["none", "loss"]}),
        ("parallel", {"scope": "all", "axes": ["nothing at all", "params.nothing"], "colour": "?"}),
        ("matrix", {"columns": [f"params.p{number}" for number in range(9)], "picked": "gone"}),
        ("images", {"image": "none", "step": "99"}),
    ],
)
def test_what_an_address_cannot_mean_is_passed_over(repo: Path, part: str, said_there: dict[str, Any]) -> None:
    assert is_whole(open_page("compare", repo, address={"runs": ids_of(repo), "part": part, **said_there}))


def test_a_brush_of_the_address_offers_to_keep_what_passes(repo: Path) -> None:
    ids = ids_of(repo)
    address = {"runs": ids, "part": "parallel", "axes": ["params.lr", "metrics.val_auc"], "brush": '{"lr":[[0.15,1]]}'}
    at = open_page("compare", repo, address=address)
    assert "2 of 4 runs" in texts(at)
    (button,) = (one for one in at.button if one.label == "Keep these 2")
    button.click().run()
    assert sorted(at.query_params["runs"]) == sorted(ids[2:])
    assert "brush" not in at.query_params


def test_all_runs_of_the_filter_can_be_explored(repo: Path) -> None:
    address = {"part": "parallel", "scope": "filtered", "where": "params.seed = 1"}
    at = open_page("compare", repo, address=address)
    assert is_whole(at)
    assert "2 runs" in texts(at)


@pytest.mark.parametrize(("part", "key"), [("parallel", "compare.parallel"), ("matrix", "compare.matrix")])
def test_without_a_selection_all_runs_of_the_filter_are_explored(repo: Path, part: str, key: str) -> None:
    at = open_page("compare", repo, address={"part": part})
    assert is_whole(at)
    assert "4 runs" in texts(at)
    assert [element.proto.id.endswith(key) for element in at.get("bidi_component")].count(True) == 1
    some = open_page("compare", repo, address={"part": part, "where": "params.lr = 0.1"})
    assert "2 runs" in texts(some)
    none = open_page("compare", repo, address={"part": part, "where": "params.lr = 7"})
    assert is_whole(none)
    assert "No run matches" in texts(none)


def test_runs_that_are_not_here_are_not_taken_for_no_selection(repo: Path) -> None:
    at = open_page("compare", repo, address={"part": "matrix", "runs": ["f" * 32]})
    assert is_whole(at)
    assert "No runs selected" in texts(at)


def test_the_address_has_what_the_charts_are_zoomed_to(repo: Path) -> None:
    address = {"runs": ids_of(repo), "part": "charts", "zoom": ["0~1.5~step", "nonsense"]}
    at = open_page("compare", repo, address=address)
    assert is_whole(at)
    assert at.query_params["zoom"] in ("0~1.5~step", ["0~1.5~step"])
    (charts,) = (element.proto for element in at.get("bidi_component") if element.proto.id.endswith("compare.charts"))
    assert b'"step:"' in charts.bytes


def test_read_only_the_code_is_not_fetched(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gtrack.ops import run_code

    away = run_code.CodeChange(remarks=("the code of run x is not in this clone",), elsewhere=True)
    monkeypatch.setattr(run_code, "compare_code", lambda *_: away)
    address = {"runs": ids_of(repo)[:2], "part": "code"}
    offered = open_page("compare", repo, address=address)
    assert "Fetch the code" in [button.label for button in offered.button]
    closed = open_page("compare", repo, address=address, read_only=True)
    assert "Fetch the code" not in [button.label for button in closed.button]
    assert "--code" in texts(closed)


def test_the_python_of_the_page_works(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = open_page("compare", repo, address={"runs": ids_of(repo)[:2]})
    (python,) = (code.value for code in at.code if code.value.startswith("import gtrack"))
    with contextlib.chdir(repo):
        exec(python, {})
    assert "'params'" in capsys.readouterr().out


def test_the_defaults_can_be_saved_as_a_view() -> None:
    json.dumps(DEFAULTS)
