"""Repositories that nobody closes, as in notebooks and scripts: let go of, closed at exit, and not a word about it."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

import gtrack

STRICT = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error"}
FOUND = "import gtrack\nfound = gtrack.search_runs()\n"
READ = "print(found[0].curves('loss')['value'].to_pylist())\n"
OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def packed(here):
    """A repository with one run, whose objects are in a pack."""
    with gtrack.start_run("only") as run:
        for step in range(3):
            run.log({"loss": float(step)}, step=step)
    here.git("gc", "-q")
    return here


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Without the collection of cycles: what goes, goes because nothing refers to it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


ENDINGS = {
    "kept": READ,
    "kept in a cycle": READ + "found.itself = found\n",
    "kept in a class": READ + "class Kept:\n    value = found\n",
    "read again after it was closed": READ + "found[0].view.repo.close()\n" + READ,
    "left by sys.exit": READ + "import sys\nsys.exit(0)\n",
    "a run beside it": READ + "with gtrack.start_run('more') as run:\n    run.log({'loss': 1.0})\n",
    "a run left open": "import os\nos.environ['GTRACK_QUIET'] = '1'\n"
    + READ
    + "gtrack.start_run('more').log({'a': 1.0})\n",
    "many": "kept = [gtrack.search_runs() for _ in range(5)]\nfor found in kept: found[0].curves()\n" + READ,
    "the repository is gone": READ + "import shutil\nshutil.rmtree('.git')\n",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_said_when_the_interpreter_goes(packed, ending):
    ended = packed.train(FOUND + ENDINGS[ending], env=STRICT)
    assert set(ended.out.splitlines()) == {"[0.0, 1.0, 2.0]"}
    assert [line for line in ended.err.splitlines() if not line.startswith("gtrack: run ")] == []


def test_an_uncaught_error_is_all_that_is_printed(packed):
    ended = packed.train(FOUND + READ + "def f(mine):\n    1 / 0\nf(found)\n", env=STRICT, code_of_exit=1)
    assert ended.err.startswith("Traceback") and ended.err.splitlines()[-1].startswith("ZeroDivisionError")
    assert "Exception ignored" not in ended.err and "Warning" not in ended.err


def test_a_forked_child_that_goes_leaves_its_parents_files_open(packed):
    forks = READ + "import os, sys\npid = os.fork()\nif not pid:\n    sys.exit(0)\nos.waitpid(pid, 0)\n"
    ended = packed.train(FOUND + forks + READ + "print(len(gtrack.search_runs()))\n", env=STRICT)
    assert (ended.out.splitlines()[-2:], ended.err) == (["[0.0, 1.0, 2.0]", "1"], "")


def test_a_repository_goes_when_nothing_refers_to_it(packed, uncollected):
    found = gtrack.search_runs()
    found[0].curves()
    repository = weakref.ref(found[0].view.repo)
    attached = found[0].view.repo.attached
    assert set(attached) == {"objects", "index"}
    del found
    assert repository() is None and attached == {}


def leave_open(times: int) -> None:
    for _ in range(times):
        assert len(gtrack.search_runs("metrics.loss >= 0")[0].curves()) == 3


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="there is no /proc/self/fd")
@pytest.mark.parametrize("times", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_searches_that_nobody_closes_leave_nothing_open(packed, uncollected, times):
    leave_open(2)
    files, finalizers = len(os.listdir(OPEN_FILES)), len(weakref.finalize._registry)
    leave_open(times)
    assert len(os.listdir(OPEN_FILES)) == files
    assert len(weakref.finalize._registry) == finalizers


def test_closing_twice_and_reading_on_is_no_error(packed):
    repo = gtrack.Repo()
    run = repo.run("only")
    for _ in range(2):
        repo.close()
        repo.close()
        assert len(run.curves()) == 3
        assert len(repo.search()) == 1
    repo.close()
    assert repo.repository.attached == {}
