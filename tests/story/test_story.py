"""Twenty commits, three seeds each; a pull request that lowers the metric; what its reviewer sees after a fetch."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from story_history import FIX, MAIN, PULL_REQUEST
from story_world import Person, Story

FEATURE = "origin/robust"
COMMITS = len(MAIN) + len(PULL_REQUEST)
CULPRIT, CURE = PULL_REQUEST[1].subject, FIX.subject
GATE = ("gate", "metrics.val_auc >= 0.95", "--rev", FEATURE, "--against", "main", "--tolerance", "0.005")


def test_a_pull_request_that_lowers_the_metric_is_found_refused_explained_and_mended(story: Story) -> None:
    ada = story.ada
    before = checkout(ada)
    every_commit_has_its_runs(ada)
    filters_and_groups_find_the_pull_requests_runs(ada)
    the_leaderboard_ranks_by_what_was_said_of_the_experiment(ada)
    the_table_says_that_it_is_worse(ada)
    the_gate_is_red_and_says_why(ada)
    blame_names_the_commit(ada)
    story.mend()
    the_gate_is_green(ada)
    blame_names_the_cure_too(ada)
    assert checkout(ada) == before


def every_commit_has_its_runs(ada: Person) -> None:
    assert int(ada.git("rev-list", "--count", "main")) == len(MAIN) == 20
    runs = listed(ada)
    history = ada.git("rev-list", FEATURE).split()
    assert Counter(run["code"]["commit"] for run in runs) == dict.fromkeys(history, 3)
    assert not any(run["code"]["dirty"] for run in runs)
    assert {run["code"]["branch"] for run in runs} == {"main", "robust"}
    # Ben's are in the branch that she fetched, and she has not joined it with her own.
    ours, fetched = (ada.git("rev-parse", ref) for ref in ("gtrack", "origin/gtrack"))
    assert ours != fetched


def filters_and_groups_find_the_pull_requests_runs(ada: Person) -> None:
    low = listed(ada, "--where", "branch = 'robust' AND metrics.val_auc < 0.975", "--sort", "-metrics.val_auc")
    values = [run["metrics"]["val_auc"]["last"] for run in low]
    assert values == sorted(values, reverse=True) and len(low) == 6
    assert {run["params"]["seed"] for run in low} == {1, 2, 3}

    since = listed(ada, "--where", "descends_from('main')", "--group-by", "commit", "--sort", "val_auc")
    assert [group["n"] for group in since] == [3] * 4
    assert since[0]["group"]["commit"] == commit_of(ada, PULL_REQUEST[0].subject)
    means = [group["metrics"]["val_auc"]["mean"] for group in since]
    assert means == sorted(means, reverse=True) and means[1] - means[2] > 0.005


def the_leaderboard_ranks_by_what_was_said_of_the_experiment(ada: Person) -> None:
    found = json.loads(ada.gtrack("best", "--experiment", "cells", "--json", "-n", "100"))
    assert (found["metric"], found["goal"]) == ("val_auc", {"direction": "max", "source": "experiment"})
    assert found["rows"][0]["code"]["commit"] == commit_of(ada, PULL_REQUEST[0].subject)
    # The first two commits lie below the floor, which is about the precision.
    assert found["total"] == len(found["rows"]) == COMMITS - 2
    assert {row["n"] for row in found["rows"]} == {3}


def the_table_says_that_it_is_worse(ada: Person) -> None:
    table = ada.gtrack("diff", f"main..{FEATURE}", "--md")
    row = next(line for line in table.splitlines() if line.startswith("| val\\_auc (max) |"))
    assert re.search(r"\| 0\.9796\d* ± 0\.\d+ \(n=3\) \| 0\.970\d* ± 0\.\d+ \(n=3\) \| -0\.009\d ± 0\.00\d+ \|", row)
    assert row.endswith("| worse |")
    assert "Welch's 95 % interval" in table
    assert "+    return np.clip((x - known.mean(0)) / known.std(0), -0.5, 0.5)" in table


def the_gate_is_red_and_says_why(ada: Person) -> None:
    said = ada.gtrack(*GATE, "--min-runs", "3", code=1)
    verdicts = [line.split()[:2] for line in said.splitlines()]
    assert verdicts[:3] == [["PASS", "val_auc"], ["PASS", "val_precision"], ["FAIL", "val_auc"]]
    main, feature = (commit_of(ada, subject)[:7] for subject in (MAIN[-1].subject, PULL_REQUEST[-1].subject))
    assert f"against main@{main} (n=3 against 3), tolerance 0.005" in said
    assert f"{FEATURE}@{feature} fails 1 of 3 checks" in said
    assert "has 3 finished runs, 4 wanted" in ada.gtrack(*GATE, "--min-runs", "4", code=1)
    assert ada.gtrack("gate", "metrics.val_auc >= 0.95", "--rev", FEATURE)  # alone it would do


def blame_names_the_commit(ada: Person) -> None:
    found = blame(ada)
    assert found["worsened_most"] == commit_of(ada, CULPRIT)
    verdicts = {point["subject"]: point.get("verdict") for point in found["commits"]}
    assert {subject for subject, verdict in verdicts.items() if verdict == "worse"} == {CULPRIT}
    better = {"Use compactness as well", "Use the fractal dimension", "Momentum"}
    assert {subject for subject, verdict in verdicts.items() if verdict == "better"} == better
    assert len(verdicts) == COMMITS
    assert f'worsened most: {commit_of(ada, CULPRIT)[:7]} "{CULPRIT}" -0.009' in ada.gtrack(
        "blame", "val_auc", "--branch", FEATURE
    )


def the_gate_is_green(ada: Person) -> None:
    said = ada.gtrack(*GATE, "--min-runs", "3")
    assert [line.split()[0] for line in said.splitlines()[:3]] == ["PASS"] * 3
    row = json.loads(ada.gtrack("diff", f"main..{FEATURE}", "--json"))["metrics"][0]
    assert row["verdict"] != "worse" and abs(row["difference"]) < 0.001


def blame_names_the_cure_too(ada: Person) -> None:
    points = blame(ada)["commits"]
    assert (points[0]["subject"], points[0]["verdict"]) == (CURE, "better")
    assert next(point for point in points if point.get("verdict") == "worse")["subject"] == CULPRIT


def listed(person: Person, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(person.gtrack("ls", "--json", *options))
    return found


def blame(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(person.gtrack("blame", "val_auc", "--branch", FEATURE, "--json"))
    return found


def commit_of(person: Person, subject: str) -> str:
    """Return the commit of a subject."""
    return person.git("log", "--format=%H", "--fixed-strings", f"--grep={subject}", FEATURE).split()[0]


def checkout(person: Person) -> list[str]:
    """Return what must stay as it is: the branch, its tip, the state of the files, the stash, local branches."""
    shown = ["git rev-parse --abbrev-ref HEAD", "git rev-parse HEAD", "git status --porcelain", "git stash list"]
    return [person.git(*text.split()[1:]) for text in shown] + [person.git("branch", "--list")]
