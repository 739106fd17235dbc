"""Settings of the process: what the environment says. Settings of the repository are git configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from gtrack.errors import UsageError
from gtrack.paths import state_spool

__all__ = ["PUSHES", "Settings", "environment", "parse_duration", "truthy"]

PUSHES = ("off", "end", "segment")
"""When runs are sent by themselves: never, when they end, or after each segment of a live one as well."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\Z")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment variables say.

    Attributes:
        spool: ``GTRACK_SPOOL``: where live runs are kept, instead of in the repository.
        run_id: ``GTRACK_RUN_ID``: the run that this process joins.
        session: ``GTRACK_SESSION``: the session that this process joins.
        experiment: ``GTRACK_EXPERIMENT``: the experiment of new runs.
        name: ``GTRACK_NAME``: the name of the process's first run.
        commit: ``GTRACK_COMMIT``: the code's commit, where there is no repository.
        snapshot: ``GTRACK_SNAPSHOT``: the code's snapshot, where there is no repository.
        code: ``GTRACK_CODE``: ``snapshot``, ``commit-only`` or ``off``; None to ask the git configuration.
        segment_every: ``GTRACK_SEGMENT_EVERY``: seconds between commits of a live run's values; 0 for never, None
            to ask further.
        push: ``GTRACK_PUSH``: when runs are sent by themselves: ``off``, ``end`` or ``segment``; None to ask further.
        system_metrics: ``GTRACK_SYSTEM_METRICS``: seconds between measurements of the machine; 0 for never, None to
            ask further.
        policy_bypass: ``GTRACK_POLICY_BYPASS``: the reason why the team's policy does not hold for new runs.
        strict: ``GTRACK_STRICT``: raise on a bad value rather than warn.
        quiet: ``GTRACK_QUIET``: no notices on stderr.
        state_spool: Where runs wait that have no repository to live in.
    """

    spool: str | None = None
    run_id: str | None = None
    session: str | None = None
    experiment: str | None = None
    name: str | None = None
    commit: str | None = None
    snapshot: str | None = None
    code: str | None = None
    segment_every: float | None = None
    push: str | None = None
    system_metrics: float | None = None
    policy_bypass: str | None = None
    strict: bool = False
    quiet: bool = False
    state_spool: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            UsageError: A variable has a value it cannot have.
        """
        code = env.get("GTRACK_CODE") or None
        if code not in (None, "snapshot", "commit-only", "off"):
            raise UsageError(f"GTRACK_CODE is {code!r}", hint="use snapshot, commit-only or off")
        push = env.get("GTRACK_PUSH") or None
        if push not in (None, *PUSHES):
            raise UsageError(f"GTRACK_PUSH is {push!r}", hint="use off, end or segment")
        every = env.get("GTRACK_SEGMENT_EVERY")
        measured = env.get("GTRACK_SYSTEM_METRICS")
        return cls(
            spool=env.get("GTRACK_SPOOL") or None,
            run_id=env.get("GTRACK_RUN_ID") or None,
            session=env.get("GTRACK_SESSION") or None,
            experiment=env.get("GTRACK_EXPERIMENT") or None,
            name=env.get("GTRACK_NAME") or None,
            commit=env.get("GTRACK_COMMIT") or None,
            snapshot=env.get("GTRACK_SNAPSHOT") or None,
            code=code,
            segment_every=_interval(every, "GTRACK_SEGMENT_EVERY") if every else None,
            push=push,
            system_metrics=_interval(measured, "GTRACK_SYSTEM_METRICS") if measured else None,
            policy_bypass=(env.get("GTRACK_POLICY_BYPASS") or "").strip() or None,
            strict=truthy(env.get("GTRACK_STRICT")),
            quiet=truthy(env.get("GTRACK_QUIET")),
            state_spool=state_spool(env),
        )

    @property
    def extra_spools(self) -> list[str]:
        """Spools outside the repository that commands look into."""
        return [path for path in (self.spool, self.state_spool) if path]


def environment() -> MutableMapping[str, str]:
    """Return the process's environment; every other module is handed one."""
    return os.environ


def truthy(value: str | None) -> bool:
    """Tell whether an environment variable is switched on."""
    return (value or "").strip().lower() not in ("", "0", "false", "no", "off")


def _interval(text: str, variable: str) -> float:
    """Return an interval in seconds; 0 for ``off``, which overrules what is set elsewhere."""
    if text.strip().lower() in ("off", "never"):
        return 0.0
    try:
        return parse_duration(text)
    except UsageError as error:
        raise UsageError(f"{variable}: {error.message}", hint=error.hint) from None


def parse_duration(text: str) -> float:
    """Return the seconds that ``10m``, ``2s``, ``1.5h`` or a bare number stand for.

    Raises:
        UsageError: It is none of these.
    """
    match = _DURATION.match(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a duration", hint="write it like 30s, 10m or 2h")
    return float(match[1]) * _UNITS[match[2] or "s"]
