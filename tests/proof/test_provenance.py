"""What a version tells other tools: valid in form, complete, and harmless whatever the branch says."""

from __future__ import annotations

import json
import math

import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from gtrack.model.registered import Approval, ModelFile, Version
from gtrack.model.state import RunState
from gtrack.model.summary import MetricSummary
from gtrack.ops.provenance import model_card, provenance, serve_info

RUN, OTHER = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55", "81c0" * 8
SHA, COMMIT, TREE = "ab" * 32, "c0" * 20, "d1" * 20


def version(**more: object) -> Version:
    """Return a version."""
    files = (ModelFile("MLmodel", 123, SHA), ModelFile("model.skops", 4567, "cd" * 32))
    said = {"flavors": ("python_function", "sklearn"), "number": 3, "author": "Ada L <ada@example.org>", **more}
    return Version("churn", "9c1d" * 8, RUN, "model", "ef" * 32, files, sha256="12" * 32, registered=0, **said)  # type: ignore[arg-type]


def summary(last: float) -> MetricSummary:
    """Return the summary of a metric with one value."""
    return MetricSummary.point(last, 1, 0)


def run(**more: object) -> RunState:
    """Return the run that made it."""
    said: dict[str, object] = {
        "started": 1_000_000,
        "ended": 61_000_000,
        "author": "Ada L <ada@example.org>",
        "params": {"lr": 0.1, "inf": math.inf, "model": {"depth": 6}},
        "metrics": {"val_auc": summary(0.94), "nan": summary(math.nan)},
        "code": {
            "commit": COMMIT, "snapshot": "b2" * 20, "tree": TREE, "branch": "main", "command": ["python", "train.py"],
            "remote": "https://ada:secret@github.com/acme/churn", "cwd": ".",
        },
        "data": (
            {"name": "train", "role": "train", "kind": "table", "digest": SHA, "rows": 7, "source": {"uri": "s3://b/x"}},
            {"name": "test.csv", "role": "test", "kind": "file", "digest": "cd" * 32},
            "a word",
        ),
        "environment": {"python": "3.11.7"},
        "seed": {"python": 1},
        "uses": ({"run": OTHER, "path": "base.pkl", "sha256": SHA},),
        **more,
    }  # fmt: skip
    return RunState(RUN, "brave-comet-10", "churn", "finished", **said)  # type: ignore[arg-type]


def test_the_statement_is_in_toto_s_with_slsa_s_provenance() -> None:
    said = provenance(version(), run(), tool="0.9")
    text = json.dumps(said, allow_nan=False)
    assert "secret" not in text
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert said["subject"][0] == {"name": "MLmodel", "digest": {"sha256": SHA}}  # type: ignore[index]
    predicate = json.loads(text)["predicate"]
    build, details = predicate["buildDefinition"], predicate["runDetails"]
    assert build["externalParameters"]["params"] == {"lr": 0.1, "inf": "Infinity", "model": {"depth": 6}}
    assert build["internalParameters"]["environment"] == {"python": "3.11.7"}
    assert build["resolvedDependencies"] == [
        {
            "name": "code",
            "uri": "git+https://github.com/acme/churn@refs/heads/main",
            "digest": {"gitCommit": COMMIT},
        },
        {"name": "snapshot", "digest": {"gitCommit": "b2" * 20, "gitTree": TREE}},
        {
            "name": "train",
            "uri": "s3://b/x",
            "digest": {"gtrackFingerprint": SHA},
            "annotations": {"role": "train", "kind": "table", "rows": 7},
        },
        {"name": "test.csv", "digest": {"sha256": "cd" * 32}, "annotations": {"role": "test", "kind": "file"}},
        {"name": f"runs:/{OTHER}/base.pkl", "digest": {"sha256": SHA}},
    ]
    assert details["builder"] == {"id": "https://pypi.org/project/gtrack/", "version": {"gtrack": "0.9"}}
    assert details["metadata"] == {
        "invocationId": RUN,
        "startedOn": "1970-01-01T00:00:01.000000Z",
        "finishedOn": "1970-01-01T00:01:01.000000Z",
    }


def test_a_run_that_is_not_here_leaves_what_the_registry_knows() -> None:
    said = provenance(version(), None)
    assert said["predicate"]["runDetails"]["metadata"] == {"invocationId": RUN}  # type: ignore[index]
    assert serve_info(version(), None)["commit"] is None
    assert "# churn 3" in model_card(version(), None)


def test_what_an_endpoint_exposes() -> None:
    said = serve_info(version(stage="Production", aliases=("champion",)), run())
    assert said == {
        "model": "churn",
        "version": "3",
        "number": 3,
        "uid": "9c1d" * 8,
        "stage": "Production",
        "aliases": ["champion"],
        "run": RUN,
        "commit": COMMIT,
        "snapshot": "b2" * 20,
        "digest": f"sha256:{'ef' * 32}",
        "files": {"MLmodel": f"sha256:{SHA}", "model.skops": f"sha256:{'cd' * 32}"},
        "registered": "1970-01-01T00:00:00.000000Z",
    }


def test_the_card_has_what_a_hub_reads() -> None:
    approval = Approval("Production", "approve", "Ben <ben@example.org>", 0, "events/x")
    card = model_card(version(approvals=(approval,), description="For *Mondays*"), run(), verified="the chain holds")
    front = pyyaml.safe_load(card.split("---")[1])
    assert front["library_name"] == "sklearn"
    assert front["tags"] == ["gtrack", "python_function", "sklearn"]
    (result,) = front["model-index"][0]["results"]
    assert result["dataset"] == {"name": "train", "type": "train"}
    assert result["metrics"] == [{"type": "val_auc", "value": 0.94}]
    assert result["task"]["type"]
    assert r"For \*Mondays\*" in card
    assert "| val\\_auc | 0.94 |" in card
    assert "Ben &lt;ben\\@example.org&gt; | approve for Production" in card
    assert "the chain holds" in card


@given(st.text(min_size=1, max_size=60), st.text(max_size=60))
def test_no_text_can_be_more_than_text(name: str, text: str) -> None:
    hostile = run(params={name: text}, data=({"name": text, "digest": SHA},), metrics={name: summary(0.5)})
    said = version(description=text + "\n---\n# x\n<script>", flavors=(text,))
    card = model_card(said, hostile)
    front = pyyaml.safe_load(card.split("\n---\n")[0].removeprefix("---\n"))
    assert set(front) <= {"tags", "model-index", "library_name"}
    assert "<script" not in card
    assert sum(line.startswith("# ") for line in card.splitlines()) == 1
    json.dumps(provenance(said, hostile), allow_nan=False)
