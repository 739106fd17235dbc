"""The rules for runs, one by one: what each finds of a run, and what is to be typed where it is not kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from gtrack.errors import GtrackError
from gtrack.model.nested import flatten
from gtrack.model.policy_names import parse_template
from gtrack.model.policy_rules import Finding, RunRules
from gtrack.ops.policy import whole

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.config import Settings

__all__ = [
    "all_of",
    "code_as_recorded",
    "code_before",
    "data_pinned",
    "experiment_form",
    "has_value",
    "is_or_are",
    "metric_names",
    "name_form",
    "param_names",
    "required",
]

_NAMED = 5


def required(
    rules: RunRules,
    params: Mapping[str, object],
    tags: Mapping[str, object],
    early: Mapping[str, Any] | None = None,
    *,
    run_id: str | None = None,
) -> Iterator[Finding]:
    """Judge what has to have a value; where the run is there already, it is added to."""
    add, tag = ("", "-t") if run_id is None else (f"gtrack log --run {run_id} ", f"gtrack tag {run_id}")
    sides = (("param", rules.params, params, f"{add}-p {{0}}=VALUE"), ("tag", rules.tags, tags, f"{tag} {{0}}=VALUE"))
    for what, keys, there, todo in sides:
        known = there if early is None else early.get(f"{what}s")
        for key in keys:
            if not has_value(there, key):
                yield Finding(f"runs.{what}s", False, f"the {what} {key} is missing", todo.format(key))
            elif not isinstance(known, Mapping) or not has_value(known, key):
                late = f"the {what} {key} came after the first metric"
                yield Finding(f"runs.{what}s", False, late, f"give it to start_run: {what}s={{{key!r}: ...}}")
            else:
                yield Finding(f"runs.{what}s", True, f"the {what} {key} is there")


def has_value(values: Mapping[str, object], key: str) -> bool:
    """Tell whether a key, with dots for inner maps, has a value that says something."""
    found = values.get(key)
    if key not in values and "." in key:
        from gtrack.index.fields import lookup

        found = lookup(values, key)
    return found is not None and found != ""


def experiment_form(rules: RunRules, experiment: str) -> Iterator[Finding]:
    """Judge the form of an experiment's name."""
    if rules.experiment is None:
        return
    from gtrack.index.regexp import compile_regexp

    passed = compile_regexp(whole(rules.experiment)).search(experiment) is True
    what = f"the experiment {experiment!r:.80} {'is' if passed else 'is not'} of the form {rules.experiment}"
    yield Finding("runs.experiment", passed, what, f"experiment={_like(experiment)!r:.60}")


def _like(experiment: str) -> str:
    """Return a name in the usual form that is like another one."""
    return "-".join("".join(c.lower() if c.isalnum() else " " for c in experiment).split()) or "churn"


def name_form(rules: RunRules, name: str) -> Iterator[Finding]:
    """Judge whether a run's name follows the template."""
    if rules.name is None:
        return
    template = parse_template(rules.name)
    passed = template.matches(name)
    shown, _ = template.fill(lambda field, _before: {"index": "1", "version": "v1"}.get(field, field.upper()))
    what = f"the name {name!r:.80} {'follows' if passed else 'does not follow'} {rules.name}"
    yield Finding("runs.name", passed, what, f"name it like {shown}, or give none and have one made")


def param_names(rules: RunRules, params: Mapping[str, object]) -> Iterator[Finding]:
    """Judge the names of params, those in inner maps with dots."""
    if not rules.param_names and rules.allowed_params is None:
        return
    names = [key for key, _ in flatten(params)]
    for key in names:
        better = rules.param_names.get(key) or rules.param_names.get(key.rpartition(".")[2])
        if better is not None:
            said = f"the param {key!r:.80} is called {better!r:.80} here"
            yield Finding("runs.param_names", False, said, f"use {better!r:.80}")
    if rules.allowed_params is not None:
        yield from _allowed("param", names, rules.allowed_params)
    elif not any(key in rules.param_names or key.rpartition(".")[2] in rules.param_names for key in names):
        yield Finding("runs.param_names", True, "no param has a refused name")


def metric_names(rules: RunRules, metrics: Iterable[str]) -> Iterator[Finding]:
    """Judge the names of metrics."""
    if rules.allowed_metrics is not None:
        yield from _allowed("metric", list(metrics), rules.allowed_metrics)


def _allowed(what: str, names: list[str], patterns: tuple[str, ...]) -> Iterator[Finding]:
    import difflib

    bad = [name for name in names if not any(fnmatchcase(name, pattern) for pattern in patterns)]
    for name in bad[:_NAMED]:
        close = difflib.get_close_matches(name[:100], patterns, 1)
        meant = f"did you mean {close[0]}?" if close else f"allowed are {', '.join(patterns[:_NAMED])}"
        yield Finding(f"runs.allowed_{what}s", False, f"the {what} {name!r:.80} is not allowed", meant)
    if len(bad) > _NAMED:
        yield Finding(f"runs.allowed_{what}s", False, f"{len(bad) - _NAMED:,} more {what}s are not allowed")
    if not bad:
        yield Finding(f"runs.allowed_{what}s", True, f"every {what} has an allowed name")


def code_before(rules: RunRules, repo: Repository, settings: Settings) -> Iterator[Finding]:
    """Judge the code that is about to run. Nothing is written."""
    if rules.code is None:
        return
    kept = settings.code or repo.config.get("gtrack.code") or "snapshot"
    if kept == "off" or (rules.code == "snapshot" and kept != "snapshot"):
        said = f"the code is to be kept, and GTRACK_CODE or gtrack.code is {kept!r:.40}"
        yield Finding("runs.code", False, said, "git config gtrack.code snapshot")
        return
    if rules.code == "snapshot":
        yield Finding("runs.code", True, "the code is kept as it runs")
        return
    yield _clean(repo)


def _clean(repo: Repository) -> Finding:
    from gtrack.branch.snapshot import SnapshotPolicy, take_snapshot

    if repo.git is None:
        return Finding("runs.code", False, "without git nobody knows whether the code is committed", "install git")
    paths = repo.paths
    try:
        found = take_snapshot(
            repo.git, paths.work_tree, paths.git_dir, paths.common_dir, policy=SnapshotPolicy(code="commit-only")
        )
    except (GtrackError, OSError) as error:
        return Finding("runs.code", False, f"nobody knows whether the code is committed: {error}", "git status")
    if found.commit is None or found.dirty:
        said = "there is no commit yet" if found.commit is None else "the code has uncommitted changes"
        return Finding("runs.code", False, said, "git status, then git commit")
    return Finding("runs.code", True, f"the code is commit {found.commit[:7]}")


def code_as_recorded(rules: RunRules, code: Mapping[str, object]) -> Iterator[Finding]:
    """Judge what a run says of its code."""
    if rules.code is None:
        return
    committed = isinstance(code.get("commit"), str) and code.get("dirty") is False
    passed = committed or (rules.code == "snapshot" and isinstance(code.get("snapshot"), str))
    if passed:
        yield Finding("runs.code", True, "it ran as it was committed" if committed else "its code is kept")
    elif rules.code == "clean":
        yield Finding("runs.code", False, "it did not run as it was committed", "commit, and run it again")
    else:
        yield Finding("runs.code", False, "its code was not kept", "git config gtrack.code snapshot, and run it again")


def data_pinned(rules: RunRules, data: Iterable[object]) -> Iterator[Finding]:
    """Judge whether the content of every input is certain."""
    if rules.data is None:
        return
    inputs = [entry for entry in data if isinstance(entry, Mapping)]
    loose = [str(entry.get("name") or entry.get("source") or "an input") for entry in inputs if not _is_pinned(entry)]
    todo = 'run.log_data("train", table)'
    if not inputs:
        yield Finding("runs.data", False, "no input is recorded", todo)
    for name in loose[:_NAMED]:
        said = f"nobody can tell which content {name!r:.80} had: it has neither a digest nor a version"
        yield Finding("runs.data", False, said, f"{todo} instead of its address")
    if inputs and not loose:
        yield Finding("runs.data", True, "every input has a digest or a version")


def _is_pinned(entry: Mapping[str, object]) -> bool:
    """Tell whether an input's content is certain: by its digest, or by the version that its store gave it."""
    source = entry.get("source")
    return bool(entry.get("digest") or (isinstance(source, Mapping) and source.get("version")))


def all_of(words: Iterable[str]) -> str:
    """Return words as a list in a sentence: ``a, b and c``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def is_or_are(words: Sized) -> str:
    """Return the verb that fits so many words."""
    return "is" if len(words) == 1 else "are"
