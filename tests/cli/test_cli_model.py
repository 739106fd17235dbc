"""``gtrack model`` in one clone: versions, aliases, stages, later facts; what is printed, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest
from click.shell_completion import ShellComplete

from gtrack.cli.application import application
from gtrack.cli.invocation import Invocation

HOSTILE = "evil\x1b[2J\x1b]0;t\x07 | `x` <b>@team</b> \u202e"
CODE = """
import gtrack, sys
for number, value in enumerate(map(float, sys.argv[1:])):
    with gtrack.start_run(experiment="churn", name=f"r{number}") as run:
        run.log({"val_auc": value})
        run.log_text(f"weights {number}", "model/model.bin")
        run.log_text("{}", "model/config.json")
        run.log_text("alone", "alone.bin")
"""


@pytest.fixture
def churn(project):
    """A repository without a remote, with two runs that kept a model."""
    done = project.run(sys.executable, "-c", CODE, "0.91", "0.93", GTRACK_QUIET="1")
    assert done.code == 0, done.err
    return project


@pytest.fixture
def two(churn):
    """The same with two versions."""
    churn.ok("model", "register", "r0/model", "churn")
    churn.ok("model", "register", "r1/model", "churn", "--description", "deeper")
    return churn


def shown(project, what, *argv):
    return json.loads(project.ok("model", "show", what, "--json", *argv))


def test_nothing_is_registered_yet(churn):
    done = churn.gtrack("model")
    assert (done.code, done.out) == (0, "")
    assert "gtrack model register RUN/PATH NAME" in done.err
    done = churn.gtrack("model", "show", "churn")
    assert done.code == 3
    assert "hint: gtrack model register RUN/PATH churn" in done.err


def test_registering_by_a_gate(churn):
    done = churn.gtrack("model", "register", "r0/model", "churn", "--gate", "metrics.val_auc >= 0.95")
    assert (done.code, done.out) == (1, "")
    assert "does not pass the gate: metrics.val_auc >= 0.95: it is 0.91" in done.err
    assert churn.gtrack("model", "show", "churn").code == 3
    done = churn.gtrack("model", "register", "r1/model", "models:/churn", "--gate", "metrics.val_auc >= 0.9")
    assert done.code == 0
    assert "churn/1 is registered from" in done.err
    assert "push" not in done.err  # there is no remote: the number is this clone's
    assert shown(churn, "churn/1")["gate"] == {"condition": "metrics.val_auc >= 0.9", "verdict": "pass"}
    done = churn.gtrack("model", "register", "r1/alone.bin", "alone")
    assert "(1 file, 5 B)" in done.err
    assert churn.gtrack("model", "register", "r1", "churn").code == 2


def test_listing_and_showing(two):
    two.ok("model", "alias", "churn", "champion", "1")
    two.ok("model", "promote", "churn/2", "staging")
    heads, row = two.ok("model", "ls").splitlines()
    assert heads.split()[:6] == ["MODEL", "VERSIONS", "LATEST", "PRODUCTION", "STAGING", "ALIASES"]
    assert row.split()[:4] == ["churn", "2", "v2", "(local)"]
    assert "champion v1 (local)" in row
    text = two.ok("model", "show", "churn")
    assert "aliases  champion is v1 (local)" in text
    heads, newest, oldest = text.splitlines()[-3:]
    assert heads.split()[:4] == ["VERSION", "STAGE", "ALIASES", "val_auc"]
    assert newest.startswith("v2 (local)  Staging")
    assert "0.93" in newest
    assert "champion" in oldest
    rows = list(csv.DictReader(io.StringIO(two.ok("model", "show", "churn", "--csv"))))
    assert [(row["version"], row["stage"], row["metrics.val_auc"]) for row in rows] == [
        ("2 (local)", "Staging", "0.93"),
        ("1 (local)", "None", "0.91"),
    ]
    assert two.ok("model", "show", "churn", "--md").startswith("| VERSION | STAGE |")
    assert [model["name"] for model in json.loads(two.ok("model", "ls", "--json"))] == ["churn"]


def test_all_of_a_version(two):
    two.ok("model", "log", "churn/2", "shadow_auc=0.92", "drift=-1e-3")
    two.ok("model", "tag", "churn/2", "region=eu", "old=1")
    two.ok("model", "tag", "churn/2", "old-")
    two.ok("model", "note", "models:/churn/2", "drifts on new customers")
    two.ok("model", "deployed", "churn/2", "--endpoint", "https://api.example.org/churn")
    two.ok("model", "describe", "churn/2", "much deeper")
    lines = dict(line.split("  ", 1) for line in two.ok("model", "show", "churn/2").splitlines())
    said = {name: value.strip() for name, value in lines.items()}
    assert said["description"] == "much deeper"
    assert said["stage"] == "None"
    assert said["measured later"] == "shadow_auc=0.92, drift=-0.001"
    assert said["tags"] == "region=eu"
    assert said["note"].startswith("drifts on new customers (Ada L, ")
    assert said["deployed"].startswith("https://api.example.org/churn by Ada L, ")
    assert said["files"] == "2 files, 11 B: config.json, model.bin"
    assert "r1, churn" in said["run"]
    found = shown(two, "churn/2")
    assert found["metrics"] == {"shadow_auc": 0.92, "drift": -0.001}
    assert found["tags"] == {"region": "eu"}


def test_aliases_stages_and_rollbacks_are_told_as_they_come(two):
    def said(*argv):
        done = two.gtrack("model", *argv)
        assert done.code == 0, done.err
        return done.err.strip()

    assert said("alias", "churn", "champion", "1", "-m", "first") == "model churn: champion is v1 (local)"
    assert said("alias", "churn", "champion", "churn/1").endswith("nothing to do, champion is v1 (local)")
    assert said("alias", "churn", "champion", "2").endswith("champion is v2 (local) (it was v1 (local))")
    assert "rolled back: champion is v1 (local) again" in said("rollback", "churn", "champion")
    assert "promoted v1 (local) to Production" in said("promote", "churn/1", "production")
    assert "promoted v2 (local) to Production, v1 (local) is archived" in said("promote", "churn/2", "Production")
    back = said("rollback", "churn", "production", "-m", "alarms")
    assert back.endswith("rolled back: v1 (local) is in Production again, v2 (local) is archived")
    assert "nothing to do, v1 (local) is in Production" in said("promote", "churn/1", "production")
    assert "what was there stays" in said("promote", "churn/2", "production", "--keep")
    assert said("unalias", "churn", "champion").endswith("took away champion (it was v1 (local))")
    events = two.ok("model", "show", "churn", "--events").splitlines()
    assert events[0].split() == ["WHEN", "WHO", "WHAT", "WHY"]
    assert len(events) == 11
    assert events[3].split()[3:] == ["Ada", "L", "champion", "is", "v1", "(local)", '"first"']
    assert all(" UTC  Ada L  " in line for line in events[1:])
    of_one = shown(two, "churn/2", "--events")
    assert [entry["kind"] for entry in of_one] == ["registered", "alias", "alias", "stage", "stage", "stage"]


def test_deleting_and_restoring(two):
    two.ok("model", "alias", "churn", "champion", "1")
    done = two.gtrack("model", "rm", "churn")
    assert done.code != 0
    assert "hint: gtrack model unalias churn champion" in done.err
    done = two.gtrack("model", "rm", "churn/2", "-m", "wrong labels")
    assert "gtrack model restore churn/2" in done.err
    assert len(shown(two, "churn")["versions"]) == 1
    assert "churn/2 (deleted)" in two.ok("model", "show", "churn/2")
    assert "restored v2 (local)" in two.gtrack("model", "restore", "churn/2").err
    two.ok("model", "unalias", "churn", "champion")
    two.ok("model", "rm", "churn")
    assert two.ok("model", "ls") == ""
    assert "churn" in two.ok("model", "ls", "--deleted")
    two.ok("model", "restore", "churn")
    assert "churn" in two.ok("model", "ls")


def test_errors_say_what_to_type(two):
    for argv, code, hint in (
        (("promote", "churn/1", "prod"), 2, "none, staging, production, archived"),
        (("promote", "churn/9", "production"), 3, "gtrack model show churn"),
        (("show", "churn@nobody"), 3, "gtrack model alias churn nobody VERSION"),
        (("show", "chrun"), 3, "register"),
        (("alias", "churn", "latest", "1"), 2, "gtrack model alias churn champion VERSION"),
        (("log", "churn/1", "auc"), 2, "gtrack model log churn/1 shadow_auc=0.93"),
        (("log", "churn", "auc=1"), 2, "churn/3"),
        (("rollback", "churn", "production"), 3, "gtrack model promote churn/N production"),
        (("promote", "churn/1", "staging", "--pr"), 2, "leave --pr away"),
        (("get", "runs:/r0/model", "out"), 2, "gtrack model register"),
        (("shwo",), 2, "did you mean 'show'?"),
    ):
        done = two.gtrack("model", *argv)
        assert (done.code, done.out) == (code, ""), (argv, done)
        assert hint in done.err, (argv, done.err)


def test_files_with_their_papers(two, tmp_path):
    out = tmp_path / "out"
    done = two.gtrack("model", "get", "models:/churn/1", str(out))
    assert "churn/1: 2 files (11 B) verified and written to" in done.err
    assert sorted(path.name for path in out.iterdir()) == [
        "MODEL_CARD.md", "config.json", "model.bin", "provenance.json",
    ]  # fmt: skip
    assert (out / "model.bin").read_text() == "weights 0"
    statement = json.loads((out / "provenance.json").read_text())
    assert [each["name"] for each in statement["subject"]] == ["config.json", "model.bin"]
    assert (out / "MODEL_CARD.md").read_text() == two.ok("model", "card", "churn/1")
    assert json.loads(two.ok("model", "provenance", "churn/1")) == statement
    assert "there already" in two.gtrack("model", "get", "churn/1", str(out)).err
    done = two.gtrack("model", "get", "churn/2", str(out))
    assert done.code != 0
    assert "hint: --overwrite replaces it; or name another folder" in done.err
    two.ok("model", "get", "churn/2", str(out), "--overwrite")
    assert (out / "model.bin").read_text() == "weights 1"
    info = json.loads(two.ok("model", "serve-info", "churn/2"))
    assert info["files"].keys() == {"config.json", "model.bin"}
    assert info["run"] == shown(two, "churn/2")["run"]
    assert "## Proof" in two.ok("model", "card", "churn/2", "--verify")


def test_a_pickle_in_a_version_is_never_run(churn, tmp_path):
    trap = tmp_path / "trap"
    code = f"""
import gtrack, pickle
class Trap:
    def __reduce__(self):
        return open, ({str(trap)!r}, "w")
with gtrack.start_run(name="trap") as run:
    run.log_artifact(pickle.dumps(Trap()), "model", name="model.pkl")
    run.log_text("flavors: {{python_function: {{loader_module: os, code: code}}}}", "model/MLmodel")
    run.log_text("open({str(trap)!r}, 'w')", "model/code/os.py")
"""
    done = churn.run(sys.executable, "-c", code, GTRACK_QUIET="1")
    assert done.code == 0, done.err
    churn.ok("model", "register", "trap/model", "trap")
    for argv in (
        ("show", "trap"), ("show", "trap/1"), ("get", "trap/1", str(tmp_path / "out")), ("card", "trap/1"),
        ("provenance", "trap/1"), ("serve-info", "trap/1"),
    ):  # fmt: skip
        churn.ok("model", *argv)
    churn.ok("verify", "trap/1")
    load = churn.run(sys.executable, "-c", "import gtrack; gtrack.load_model('models:/trap/1')")
    assert load.code == 1
    assert "gtrack.errors." in load.err
    assert (tmp_path / "out" / "model.pkl").exists()
    assert not trap.exists()


def test_text_from_the_branch_commands_no_terminal(two):
    two.ok("model", "note", "churn/1", HOSTILE)
    two.ok("model", "describe", "churn", HOSTILE)
    two.ok("model", "tag", "churn/1", f"key={HOSTILE}")
    two.ok("model", "promote", "churn/1", "staging", "-m", HOSTILE)
    two.ok("model", "deployed", "churn/1", "--endpoint", HOSTILE)
    for argv in (("ls",), ("show", "churn"), ("show", "churn", "--events"), ("show", "churn/1"), ("ls", "--md")):
        done = two.gtrack("model", *argv)
        assert not {"\x1b", "\x07", "\u202e"} & set(done.out + done.err), argv
    assert "<b>" not in two.ok("model", "show", "churn", "--events", "--md")


def test_runs_name_their_versions(two):
    two.ok("model", "alias", "churn", "champion", "1")
    text = two.ok("show", "r0")
    assert "\nModels\n  churn/1  None, champion (from model)" in text
    assert [each["number"] for each in json.loads(two.ok("show", "r0", "--json"))["versions"]] == [None]
    two.ok("model", "rm", "churn/2")
    assert "Models" not in two.ok("show", "r1")
    assert "versions" not in json.loads(two.ok("show", "r1", "--json"))


def test_what_a_shell_is_offered(two, monkeypatch):
    two.ok("model", "alias", "churn", "champion", "1")
    monkeypatch.chdir(two.root)
    shell = ShellComplete(application, {"obj": Invocation(dict(two.env), quiet=True)}, "gtrack", "_GTRACK_COMPLETE")

    def offered(*words):
        return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]

    assert offered("model", "show", "ch") == ["churn"]
    assert offered("model", "show", "churn/") == ["churn/2", "churn/1", "churn/latest"]
    assert offered("model", "promote", "models:/churn@") == ["models:/churn@champion"]
    assert offered("model", "promote", "churn/1", "pro") == ["production"]
    assert offered("model", "alias", "churn", "c") == ["champion", "challenger"]
    assert offered("model", "alias", "churn", "champion", "") == ["2", "1", "latest"]
    assert offered("model", "rollback", "churn", "") == ["champion", "staging", "production"]
    assert offered("model", "register", "r0/m") == ["r0/model/"]
