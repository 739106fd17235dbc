"""Models of runs: logged, loaded by name in a clone, recorded as used; no trouble of theirs ends a training."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import gtrack
from gtrack.errors import NotFoundError, UsageError
from gtrack.ops.model_folders import forget_folders, model_folder
from gtrack.reader import Repo

pytest.importorskip("skops")
from sklearn.linear_model import LogisticRegression


@pytest.fixture
def model(data):
    return LogisticRegression().fit(*data)


def double(data):
    return 2 * data


def test_a_model_is_loaded_from_a_live_run_a_recorded_one_and_a_folder(here, model, data):
    x, _ = data
    with gtrack.start_run("first") as run:
        logged = run.log_model(model, input_example=x[:5])
        assert logged
        assert logged.uri == f"runs:/{run.id}/model"
        assert (gtrack.load_model(logged.uri).predict(x) == model.predict(x)).all()
    assert (gtrack.load_model("runs:/first/model").predict(x) == model.predict(x)).all()
    with Repo() as repo:
        found = model_folder(repo.repository, "runs:/last/model")
    assert (gtrack.load_model(found.path, pyfunc=True).predict(x) == model.predict(x)).all()
    assert not os.access(os.path.join(found.path, "MLmodel"), os.W_OK) or os.geteuid() == 0


def test_a_fresh_process_in_a_clone_loads_it_and_later_without_the_remote(here, tmp_path):
    remote, clone = str(tmp_path / "remote.git"), str(tmp_path / "clone")
    subprocess.run(["git", "init", "-q", "--bare", remote], check=True)
    subprocess.run(["git", "remote", "add", "origin", remote], check=True)
    with gtrack.start_run("first") as run:
        run.log_model(double, "models/best", format="source", input_example=[1.0])
    subprocess.run([sys.executable, "-m", "gtrack", "push"], check=True, capture_output=True)
    subprocess.run(["git", "clone", "-q", remote, clone], check=True, capture_output=True)
    code = "import gtrack; print(gtrack.load_model('runs:/first/models/best', trust_code=True)(21))"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], cwd=clone, check=False, capture_output=True, text=True)
        assert done.stdout == "42\n", done.stderr
        shutil.rmtree(remote, ignore_errors=True)


def test_what_was_logged_under_the_name_before_gives_way(here, model, data):
    x, _ = data
    with gtrack.start_run("first") as run:
        run.log_model(model, pickle=True)
        run.log_model(model, input_example=x[:5])
    with Repo() as repo:
        paths = repo.run("first").artifacts()
    assert "model/model.skops" in paths
    assert "model/model.pkl" not in paths


def test_that_a_run_uses_a_model_is_recorded_once(here, model):
    with gtrack.start_run("first") as first:
        gtrack.log_model(model)
        gtrack.load_model("runs:/first/model")
    with gtrack.start_run("second"):
        gtrack.load_model("runs:/first/model")
        gtrack.load_model("runs:/first/model")
    with Repo() as repo:
        assert not repo.run("first").state.uses
        (use,) = repo.run("second").state.uses
    assert use["run"] == first.id
    assert use["path"] == "model"


@pytest.mark.parametrize("bad", [double, 3, None])
def test_a_model_that_cannot_be_saved_is_told_and_ends_no_training(bad, here, capfd):
    with gtrack.start_run("first") as run:
        assert not run.log_model(bad)
        assert not gtrack.log_model(bad, "other", register="churn")
        run.log({"loss": 1.0})
    assert "'model' was not logged: " in capfd.readouterr().err
    with Repo() as repo:
        assert repo.run("first").state.status == "finished"


def test_strictness_raises_it(here, monkeypatch):
    monkeypatch.setenv("GTRACK_STRICT", "1")
    with gtrack.start_run("first") as run, pytest.raises(UsageError, match="pickle=True"):
        run.log_model(double)


def test_a_model_that_fails_on_its_example_is_kept_without_outputs(here, capfd):
    def fails(data):
        raise RuntimeError("\x1b[2Jno")

    with gtrack.start_run("first") as run:
        assert run.log_model(fails, input_example=np.zeros((2, 2)), pickle=True)
    said = capfd.readouterr().err
    assert "its signature has no outputs" in said
    assert "\x1b" not in said


def test_a_model_is_not_logged_after_the_end(here, model, capfd):
    with gtrack.start_run("first") as run:
        pass
    assert not run.log_model(model)
    assert "has ended" in capfd.readouterr().err


def test_names_that_name_nothing_say_what_to_type(here, model):
    with gtrack.start_run("first") as run:
        run.log_model(model)
        run.log_text("hello", "note.txt")
    with pytest.raises(NotFoundError, match="did you mean 'model/"):
        gtrack.load_model("runs:/first/modle/MLmodel")
    with pytest.raises(NotFoundError, match="is a file, not a model's folder"):
        gtrack.load_model("runs:/first/note.txt")
    with pytest.raises(NotFoundError):
        gtrack.load_model("runs:/other/model")
    with pytest.raises(UsageError, match="names no artifact"):
        gtrack.load_model("runs:/first")
    with pytest.raises(UsageError, match="does not name a model"):
        gtrack.load_model(3)
    with pytest.raises(NotFoundError, match="no MLmodel file"):
        gtrack.load_model(str(here))


def test_a_damaged_object_is_found_and_a_folder_that_was_changed_is_made_anew(here, model, data):
    x, _ = data
    with gtrack.start_run("first") as run:
        run.log_model(model)
    with Repo() as repo:
        found = model_folder(repo.repository, "runs:/first/model")
        inner = os.path.join(found.path, "model.skops")
        os.unlink(inner)
        with open(os.path.join(found.path, "more.py"), "w") as file:
            file.write("raise SystemExit")
        again = model_folder(repo.repository, "runs:/first/model")
        assert again.path == found.path
        assert sorted(os.listdir(again.path)) == sorted({*os.listdir(found.path)} - {"more.py"})
        assert (gtrack.load_model(again.path).predict(x) == model.predict(x)).all()
        forget_folders(repo.repository)
        assert not os.path.exists(found.path)
        path = os.path.join(model_folder(repo.repository, "runs:/first/model").path, "model.skops")
        os.chmod(path, 0o644)
        with open(path, "r+b") as file:
            file.write(b"forged")
    # The file is the cache's own: what is found damaged there is put aside, and fetched from the branch again.
    assert (gtrack.load_model("runs:/first/model").predict(x) == model.predict(x)).all()
    with open(path, "rb") as file:
        assert file.read(6) != b"forged"


def test_a_model_is_registered_as_it_is_logged_and_loaded_by_its_names(here, model, data):
    x, _ = data
    with gtrack.start_run("first") as run:
        run.log({"val_auc": 0.93}, step=1)
        logged = run.log_model(model, register="churn", gate="metrics.val_auc >= 0.9", description="the first")
        assert logged.version is not None
        assert logged.version.run == run.id
        assert logged.version.flavors == ("python_function", "sklearn")
    gtrack.set_alias("churn", "champion", logged.version.name)
    with gtrack.start_run("scoring"):
        for name in (
            "models:/churn@champion",
            "models:/churn/1",
            "models:/churn/latest",
            f"models:/{logged.version.name}",
        ):
            assert (gtrack.load_model(name).predict(x) == model.predict(x)).all()
    with Repo() as repo:
        (use,) = repo.run("scoring").state.uses
    assert (use["run"], use["model"], use["version"]) == (run.id, "churn", logged.version.uid)


def test_what_is_not_registered_is_kept_all_the_same_and_the_training_goes_on(here, model, capfd):
    with gtrack.start_run("first") as run:
        run.log({"val_auc": 0.5}, step=1)
        logged = run.log_model(model, register="churn", gate="metrics.val_auc >= 0.9")
        assert (logged.path, logged.version) == ("model", None)
    assert "model is kept and not registered as 'churn': run" in capfd.readouterr().err
    with Repo() as repo:
        assert repo.run("first").status == "finished"
    assert gtrack.load_model("runs:/first/model") is not None
    with pytest.raises(NotFoundError, match="no model 'churn'"):
        gtrack.load_model("models:/churn/1")


def test_strictness_raises_what_is_not_registered(here, model, monkeypatch):
    monkeypatch.setenv("GTRACK_STRICT", "1")
    with gtrack.start_run("first") as run, pytest.raises(gtrack.errors.GateError, match="val_auc"):
        run.log_model(model, register="churn", gate="metrics.val_auc >= 0.9")


def test_a_version_loads_what_was_registered_though_its_run_went_on(here, model, data):
    x, y = data
    with gtrack.start_run("first") as run:
        run.log_model(model, register="churn")
        run.log_model(LogisticRegression(C=0.01).fit(-x, y))
    assert (gtrack.load_model("models:/churn/1").predict(x) == model.predict(x)).all()
    assert (gtrack.load_model("runs:/first/model").predict(x) != model.predict(x)).any()
