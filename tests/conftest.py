"""What every test relies on: an environment of its own, and no silent skips in continuous integration."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time: what a property test finds shall not depend on the day.
settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("fixed")

_ROOM = 4 << 30


def _use_memory() -> None:
    """Let tests write to memory where there is room: they write hundreds of thousands of small files, and sync many."""
    shared = "/dev/shm"
    if "TMPDIR" in os.environ or not os.access(shared, os.W_OK):
        return
    found = os.statvfs(shared)
    if found.f_bavail * found.f_frsize >= _ROOM and not found.f_flag & os.ST_NOEXEC:  # hooks are executed there
        os.environ["TMPDIR"] = tempfile.tempdir = shared


_use_memory()
_KEPT = ("PATH", "LANG", "LC_ALL", "TERM", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "GTRACK_TESTS_NO_SKIP")
_home = Path(tempfile.mkdtemp(prefix="gtrack-tests-"))


def pytest_configure(config: pytest.Config) -> None:
    """Leave the user's settings outside: git configuration, launchers, gtrack variables."""
    for name in list(os.environ):
        if name not in _KEPT and not name.startswith(("PYTEST_", "COV_")):
            del os.environ[name]
    config_file = _home / "gitconfig"
    config_file.write_text(
        "[user]\n\tname = Ada L\n\temail = ada@example.org\n"
        "[init]\n\tdefaultBranch = main\n"
        '[protocol "file"]\n\tallow = always\n'
        "[gc]\n\tauto = 0\n"
        "[core]\n\tfsync = none\n"  # nothing here has to outlive the power
        "[advice]\n\tdetachedHead = false\n"
    )
    os.environ.update(
        HOME=str(_home),
        USER="ada",
        GIT_CONFIG_GLOBAL=str(config_file),
        GIT_CONFIG_NOSYSTEM="1",
        XDG_STATE_HOME=str(_home / "state"),
        XDG_CONFIG_HOME=str(_home / "config"),
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    shutil.rmtree(_home, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Turn a skip into a failure where every program a test needs has been installed."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("GTRACK_TESTS_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {call.excinfo.value if call.excinfo else ''}"
