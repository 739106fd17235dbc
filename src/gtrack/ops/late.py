"""Values logged to a run that has ended: counted as rejected, in a session of their own at its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gtrack.clock import iso, now_ns
from gtrack.ids import new_session_id
from gtrack.ops.finish import finish
from gtrack.spool.writing import create_run

if TYPE_CHECKING:
    from gtrack.branch.repository import Repository
    from gtrack.ops.begin import Identity

__all__ = ["record_late"]


def record_late(
    identity: Identity,
    spool: str,
    repo: Repository,
    counts: Mapping[str, int],
    *,
    warn: Callable[[str], None],
) -> None:
    """Record how many values came too late, without a change to how the run ended.

    Args:
        identity: The run and the session that has ended.
        spool: The spool to write to.
        repo: The repository.
        counts: How many values, by metric.
        warn: Called with a sentence when it cannot be done.
    """
    now = now_ns() // 1000
    session = new_session_id()
    facts = {"session": session, "started": iso(now), "previous": identity.session, "appended": True}
    try:
        writer = create_run(
            spool,
            identity.run_id,
            session,
            facts,
            resume=True,
            repository=repo.paths.common_dir,
            rank=identity.rank,
            on_trouble=lambda key, error: warn(f"{key!r:.80} was not counted: {error}"),
        )
        for key, count in counts.items():
            writer.journal.count_refused(key, count)
        writer.ledger.append("end", {"status": None, "ended": now, "error": None})
        writer.close()
    except OSError as error:
        warn(f"{sum(counts.values())} values that came too late could not be counted: {os.strerror(error.errno or 0)}")
        return
    finish(identity.run_id, spool, repo, owner=True, warn=warn)
