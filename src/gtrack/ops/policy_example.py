"""A commented policy to begin with: what ``gtrack init --policy`` writes into ``gtrack.yaml``."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from gtrack.branch.team import FILE, LIMIT
from gtrack.errors import ParseError, RepositoryError, UsageError

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository

__all__ = ["EXAMPLE", "write_example"]

EXAMPLE = """\
# What the team asks of runs and models; see docs/policy.md of gtrack. Every rule is a comment: take the # away from
# those that you want. It holds once it is on the default branch of the remote that runs are shared through.
policy:
#  runs:
#    # These have a value by the first metric; else the run is recorded as policy: violated.
#    params: [model_type, dataset_version, feature_set]
#    tags: [team, purpose]
#    # A regular expression that all of the experiment's name matches.
#    experiment: "[a-z0-9-]+"
#    # Makes the name of a run that was given none. Fields are params, tags, and project, model, version, index,
#    # key-params, experiment, user, date, id. Another usual one: "{model}-{index}-{key-params}"
#    name: "{project}-{model}-{version}"
#    # Names that are refused, with those to use instead.
#    param_names: {learning_rate: lr, n_estimators: trees}
#    # Any other name of a metric is a violation: "*" stands for any characters.
#    allowed_metrics: ["train_*", "val_*", "test_*", epoch]
#    # snapshot: uncommitted edits are kept with the run; clean: there are none.
#    code: snapshot
#    # Every input is logged with a digest.
#    data: pinned
#  models:
#    # Patterns of models' names; of several that match, the later one counts, key by key.
#    "*":
#      # What a version's run has to meet when it is registered and when it is promoted.
#      require: "metrics.val_auc >= 0.9 AND metrics.precision >= 0.8"
#      # What a version in production must not be worse than, by the experiment's metric.
#      not_worse_than: champion
#      tolerance: 0.0
#      production:
#        from: staging
#        # How many others approve, who may, and who may promote at all.
#        approvals: 1
#        approvers: ["*@example.org"]
#        promoters: ["ada@example.org", "grace@example.org"]
#        # Promotions and approvals are signed, by keys in the file below.
#        signed: true
#  signers: .gtrack/allowed_signers
"""
"""What is written: a policy that asks for nothing yet."""


def write_example(repo: Repository) -> list[str]:
    """Write a commented policy into ``gtrack.yaml`` of the working tree, and touch nothing else there.

    Args:
        repo: The repository.

    Returns:
        What was done, and what to do next, a sentence each.

    Raises:
        RepositoryError: There is no working tree.
        UsageError: The file is no plain file, or cannot be read: nothing is added to it.
        OSError: It cannot be written.
    """
    if repo.paths.work_tree is None:
        raise RepositoryError("a bare repository has no working tree to write gtrack.yaml into", hint="clone it")
    path = os.path.join(repo.paths.work_tree, FILE)
    text = _present(path)
    if text is not None and _has_policy(text):
        return [f"{FILE} has a policy already", "gtrack policy check tells whether it can be read"]
    before = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    with open(path, "x" if text is None else "a", encoding="utf-8") as file:
        file.write(before + EXAMPLE)
    done = f"wrote a commented policy to {FILE}" if text is None else f"added a commented policy to {FILE}"
    return [
        done,
        "choose your rules in it, and look at them: gtrack policy check",
        f'then: git add {FILE} && git commit -m "Policy for runs and models" && git push',
    ]


def _present(path: str) -> str | None:
    """Return the file's text, or None where there is none; what is no plain file is not followed."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_size > LIMIT:
        what = "too large" if stat.S_ISREG(found.st_mode) else "not a plain file"
        raise UsageError(f"{FILE} is {what}: nothing is added to it", hint=f"ls -l {FILE}")
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def _has_policy(text: str) -> bool:
    """Tell whether there is a policy in a file, be it empty."""
    from gtrack.format import yaml

    if all(line.strip()[:1] in ("", "#") for line in text.splitlines()):
        return False
    try:
        return "policy" in yaml.load(text.encode("utf-8", "surrogateescape"), name=FILE)
    except ParseError as error:
        raise UsageError(f"{error.message}: nothing is added to it", hint=f"correct {FILE} first") from None
