"""Sealing: the files of the branch are a function of the spool, and hold each record once."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spooling import RUN, SESSION, START, end, finished_run, log, make_repo, open_resume, open_run, open_worker

from gtrack.format import yaml
from gtrack.format.schema import check_document
from gtrack.ids import sha12
from gtrack.model.fold import fold_run
from gtrack.ops.fsck import check
from gtrack.ops.load import RunFiles, load_run_files
from gtrack.ops.seal import seal
from gtrack.ops.sealing import seal_spools
from gtrack.ops.spill import restore_long_values, spill_long_values
from gtrack.spool.directory import SpoolRun

RESUMED = "aaaaaaaa"


@pytest.fixture
def repo(tmp_path):
    with make_repo(tmp_path / "repo") as repo:
        yield repo


@pytest.fixture
def spool(repo):
    return Path(repo.repository.paths.spool)


def refusing(key, error):
    assert not isinstance(error, OSError)


def record(repo, *folders, live=False):
    """Seal folders as a command does, live ones included, and leave them where they are."""
    runs = [SpoolRun(str(folder)) for folder in folders]
    copies = [(str(run.path), str(run.path) + "-kept") for run in runs]
    for path, kept in copies:
        shutil.copytree(path, kept)
    with repo.repository.lock():
        done = seal_spools(repo.repository, runs, live=live)
    assert done.failed == []
    for path, kept in copies:
        if os.path.exists(path):
            shutil.rmtree(kept)
        else:
            os.rename(kept, path)
    return done


def recorded(repo):
    tree = repo.repository.tree_of(repo.repository.tip)
    return load_run_files(repo.repository, [tree], RUN)


def values_of(repo, key="loss"):
    table = repo.run(RUN).curves([key]).to_pydict()
    return list(zip(table["step"], table["value"], strict=True))


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(), st.integers(-5, 5)), max_size=20),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    st.booleans(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sealing_the_same_spool_twice_gives_the_same_bytes(tmp_path_factory, some, params, killed):
    spool = tmp_path_factory.mktemp("spool")
    writer = open_run(spool, params=params)
    for number, (key, value, step) in enumerate(some):
        writer.journal.append_at(key, value, step, (START + number) * 1000)
    if killed:
        writer.close()
    else:
        end(writer)
    folder = spool / RUN
    first = seal(SpoolRun(str(folder)), RunFiles(RUN))
    shutil.copytree(folder, spool / "elsewhere" / RUN)
    second = seal(SpoolRun(str(spool / "elsewhere" / RUN)), RunFiles(RUN))
    assert first.files == second.files and first.complete
    for doc in first.documents:
        assert check_document(doc.kind, doc.body) == []
    shutil.rmtree(spool)


def test_what_is_recorded_is_not_sealed_again(repo, spool):
    writer = open_run(spool, on_trouble=refusing)
    writer.ledger.append("note", {"text": "n"})
    log(writer, [1.0, math.nan, math.inf])
    writer.journal.append("refused", "text")
    # Logged after the first metric, changed, long, and many: each is written once.
    writer.ledger.append("logged", {"params": {"lr": 0.2, "deep": {"a": [1, 2]}}, "tags": {"t": 1}})
    writer.ledger.append("logged", {"params": {"lr": 0.3, "long": "x" * 100_000}})
    writer.ledger.append("note", {"text": "y" * 100_000})
    end(writer)
    record(repo, spool / RUN)
    assert seal(SpoolRun(str(spool / RUN)), recorded(repo)).files == {}
    assert repo.run(RUN).params == {"lr": 0.3, "deep": {"a": [1, 2]}, "long": "x" * 100_000}


def test_an_earlier_session_has_no_news_after_a_later_one(repo, spool):
    first = open_run(spool)
    first.ledger.append("logged", {"params": {"lr": 1}})
    log(first, [1.0])
    first.ledger.append("logged", {"params": {"lr": 2}})
    end(first, "failed")
    shutil.copytree(spool / RUN, spool.parent / "first" / RUN)
    record(repo, spool / RUN)
    shutil.rmtree(spool / RUN)
    second = open_resume(spool, SESSION, params={"lr": 3})
    log(second, [2.0], first=1)
    end(second)
    record(repo, spool / RUN)
    for folder in (spool / RUN, spool.parent / "first" / RUN):
        assert seal(SpoolRun(str(folder)), recorded(repo)).files == {}
    assert repo.run(RUN).params == {"lr": 3}


def test_segments_in_mid_run_and_the_end_hold_each_value_and_refusal_once(repo, spool):
    writer = open_run(spool, on_trouble=refusing)
    for part in range(4):
        log(writer, [float(part)] * 5, first=5 * part)
        writer.journal.append("bad", "text")
        record(repo, spool / RUN, live=True)
    end(writer)
    record(repo, spool / RUN)
    run = repo.run(RUN)
    assert [step for step, _ in values_of(repo)] == list(range(20))
    assert run.summary["loss"].count == 20 and not run.summary["loss"].partial
    assert run.state.rejected == {"bad": 4}
    assert check(repo).findings == ()


def test_cuts_made_without_each_other_count_each_value_and_refusal_once(repo, spool):
    """Two machines seal the same spool at other moments; then the branch gets both."""
    writer = open_run(spool, on_trouble=refusing)
    log(writer, [1.0, 2.0])
    writer.journal.append("bad", "text")
    early = seal(SpoolRun(str(spool / RUN)), RunFiles(RUN), live=True)
    log(writer, [3.0, math.nan], first=2)
    record(repo, spool / RUN, live=True)
    log(writer, [5.0], first=4)
    writer.journal.append("bad", "text")
    end(writer)
    record(repo, spool / RUN)
    from gtrack.branch.commit import commit_files

    with repo.repository.lock():
        commit_files(repo.repository, early.files, "theirs", by="Ada L <ada@example.org>")
    run = repo.run(RUN)
    assert run.summary["loss"].count == 5 and run.state.rejected == {"bad": 2}
    assert [step for step, _ in values_of(repo)] == [0, 1, 2, 3, 4]
    # A single value stands in the summary alone, which may be the one that does not count.
    assert len(run.curves()) == 5


def test_a_resumed_session_keeps_earlier_values_before_its_first_step(repo, spool):
    first = open_run(spool)
    log(first, [9.0, 1.0, 8.0, 7.0, 0.0])
    log(first, [4.0, 4.0], key="other")
    end(first, "failed")
    record(repo, spool / RUN)
    shutil.rmtree(spool / RUN)
    second = open_resume(spool, SESSION)
    log(second, [5.0, 6.0], first=3)
    end(second)
    record(repo, spool / RUN)
    run = repo.run(RUN)
    found = run.summary["loss"]
    assert values_of(repo) == [(0, 9.0), (1, 1.0), (2, 8.0), (3, 5.0), (4, 6.0)]
    # The lowest value, 0.0 at step 4, is superseded: only the curves tell that 1.0 is the lowest now.
    assert (found.count, found.min, found.argmin, found.max, found.first_step, found.last) == (5, 1.0, 1, 9.0, 0, 6.0)
    assert not found.partial and run.summary["other"].count == 2
    assert check(repo).findings == ()


def test_ranks_of_a_resumed_session_include_the_earlier_values_once(repo, spool):
    first = open_run(spool, rank=0)
    log(first, [9.0, 8.0])
    end(first, "failed")
    record(repo, spool / RUN)
    shutil.rmtree(spool / RUN)
    owner = open_resume(spool, SESSION)
    worker = open_worker(spool, session=RESUMED, rank=1)
    log(owner, [3.0], first=2)
    log(worker, [2.0], first=2)
    record(repo, spool / RUN, live=True)
    end(owner)
    worker.close()
    record(repo, spool / RUN)
    assert repo.run(RUN).summary["loss"].count == 4


def test_a_journal_that_cannot_be_read_keeps_its_spool_in_place(repo, spool):
    folder = Path(finished_run(spool))
    next(folder.glob("*.journal")).write_bytes(b"damaged " * 8)
    with repo.repository.lock():
        seal_spools(repo.repository, [SpoolRun(str(folder))])
    assert folder.is_dir()
    assert any("not a journal" in finding.what for finding in check(repo).findings)


@pytest.mark.parametrize(
    "entry",
    [
        {"status": "done"}, {"status": 7}, {"status": ["finished"]}, {"ended": 10**40}, {"ended": -5}, {"ended": "now"},
        {"ended": 1e300}, {"error": "text"},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_no_line_of_a_ledger_puts_on_the_branch_what_no_time_or_status_is(tmp_path, entry):
    writer = open_run(tmp_path)
    log(writer, [1.0])
    end(writer, **entry)
    sealed = seal(SpoolRun(str(tmp_path / RUN)), RunFiles(RUN))
    assert [problem for doc in sealed.documents for problem in check_document(doc.kind, doc.body)] == []


def test_metrics_with_names_of_any_kind_are_recorded(repo, spool):
    names = ["\x01" * 300, "ü" * 256, 'q"\\ \n', "🦊", "values-0123456789ab.txt", "$float"]
    writer = open_run(spool)
    for name in names:
        log(writer, [1.0, 2.0], key=name)
    end(writer)
    record(repo, spool / RUN)
    run = repo.run(RUN)
    assert len(run.metrics) == len(names) and set(names[1:]) <= run.metrics.keys()
    assert len(run.curves()) == 2 * len(names)
    assert check(repo).findings == ()


def test_thousands_of_metrics_with_the_longest_names_fit_the_format(repo, spool):
    writer = open_run(spool)
    names = [f"{number:0512d}" for number in range(4000)]
    for name in names:
        writer.journal.append_at(name, 1.0, 0, START * 1000)
    end(writer)
    record(repo, spool / RUN)
    run = repo.run(RUN)
    assert len(run.curves()) == 4000, "what the summaries have no room for is in the curves"
    assert 500 < len(run.metrics) < 4000
    assert check(repo).findings == ()


plain = st.recursive(
    st.one_of(st.integers(), st.text(max_size=8), st.sampled_from(["x" * 70_000, "y" * 5000])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), plain, max_size=4), st.booleans())
@settings(max_examples=25, deadline=None)
def test_long_values_come_back_whole(params, many):
    if many:
        params |= {f"many {number}": "z" * 250 for number in range(5000)}
    body, _, files = spill_long_values({"format": 1, "params": params, "tags": params})
    assert len(yaml.dump(body)) <= yaml.MAX_BYTES
    assert all(name == f"values-{sha12(data)}.txt" for name, data in files.items())
    assert restore_long_values(body["params"], files.get) == params


def test_two_documents_may_both_have_more_values_than_they_can_hold(tmp_path):
    maps = [{f"{letter} {number}": letter * 250 for number in range(5000)} for letter in "ab"]
    spilled = [spill_long_values({"format": 1, "params": some}) for some in maps]
    files = {name: data for part in spilled for name, data in part.files.items()}
    merged = {key: value for part in spilled for key, value in part.body["params"].items()}
    assert restore_long_values(merged, files.get) == {**maps[0], **maps[1]}


def test_markers_that_name_each_other_in_a_circle_end_somewhere():
    name = "values-0123456789ab.txt"
    marker = {"$values": name, "bytes": 9, "json": True}
    data = json.dumps({name: marker, "again": [marker] * 1000}).encode()
    restore_long_values({name: marker, "a": [marker] * 1000}, lambda _: data)


def test_a_live_run_shows_what_it_logged_since_its_last_segment(repo, spool):
    writer = open_run(spool)
    log(writer, [1.0])
    record(repo, spool / RUN, live=True)
    writer.ledger.append("logged", {"tags": {"new": 1}})
    run = SpoolRun(str(spool / RUN))
    shown = seal(run, recorded(repo), live=True, curves=False)
    assert fold_run(RUN, [*recorded(repo).documents, *shown.documents]).tags == {"new": 1}
    assert seal(run, recorded(repo), live=True).files == {}, "a branch gets it with the next values, or at the end"
    end(writer)
