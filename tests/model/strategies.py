"""Made-up points and documents of a run, for tests of folds."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from gtrack.clock import iso, stamp
from gtrack.ids import sha12
from gtrack.model.fold import Document
from gtrack.model.summary import MetricSummary

RUN = "3f2a9c1d7b6e4a508c2f9e0d1a7b3c55"
START = 1_795_000_000_000_000
SESSIONS = ("00000001", "00000002", "00000003")

# Few distinct ones, so that ties in step, time and value are common.
values = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, -1.0]), st.floats(allow_nan=True, width=32)
)
points = st.tuples(values, st.integers(-3, 3), st.integers(START, START + 3))
"""(value, step, time)"""
some_points = st.lists(points, min_size=1, max_size=12)
times = st.integers(START, START + 20)
words = st.sampled_from(["a", "b", "c"])
plain = st.one_of(st.none(), st.booleans(), st.integers(0, 3), words, st.dictionaries(words, st.integers(0, 3)))


def expected(some):
    """The definition in words, as plainly as it can be written."""
    known = [p for p in some if not math.isnan(p[0])]
    last = max(some, key=lambda p: (p[1], p[2], not math.isnan(p[0]), p[0] if not math.isnan(p[0]) else 0))
    low, high = min((p[0] for p in known), default=None), max((p[0] for p in known), default=None)
    return MetricSummary(
        last=last[0],
        step=last[1],
        time=last[2],
        first_step=min(p[1] for p in some),
        min=low,
        argmin=min((p[1] for p in known if p[0] == low), default=None),
        max=high,
        argmax=min((p[1] for p in known if p[0] == high), default=None),
        count=len(some),
        nan=len(some) - len(known),
    )


def same(one, other):
    """Equality in which a NaN equals itself."""
    return repr(as_text(one)) == repr(as_text(other))


def as_text(summary):
    # Zero and minus zero are one value: which of equals is shown does not matter.
    return {key: value + 0.0 if isinstance(value, float) else value for key, value in summary.to_dict().items()}


def document(kind, body, at=None, session=None, number=0):
    body = {"format": 1, **body}
    data = repr(body).encode()
    name = {
        "run": "run.yaml",
        "end": f"end-{stamp(at or START)}-{sha12(data)}.yaml",
        "event": f"events/{stamp(at or START)}-{sha12(data)}.yaml",
        "summary": f"summary-{session}-{number:08x}-0-0.yaml",
    }[kind]
    return Document(kind, name, body, "" if at is None else stamp(at), session)


run_file = st.builds(
    lambda params, tags, notes: document(
        "run",
        {
            "id": RUN, "name": "churn", "experiment": "e", "started": iso(START), "session": SESSIONS[0],
            "params": params, "tags": tags, "notes": [{"time": iso(START), "text": text} for text in notes],
        },
    ),
    st.dictionaries(words, plain), st.dictionaries(words, plain), st.lists(words),
)  # fmt: skip


def _event(kind, at, **fields):
    return document("event", {"kind": kind, **fields}, at)


events = st.one_of(
    st.builds(lambda at, tags: _event("tag", at, tags=tags), times, st.dictionaries(words, plain, min_size=1)),
    st.builds(lambda at, text: _event("note", at, text=text, author="Ada"), times, words),
    st.builds(lambda at, name: _event("rename", at, name=name), times, words),
    st.builds(lambda at, name: _event("move", at, experiment=name), times, words),
    st.builds(lambda at, goal: _event("goal", at, goals={"loss": goal}), times, st.sampled_from(["min", "max"])),
    st.builds(lambda at, kind: _event(kind, at), times, st.sampled_from(["delete", "restore", "unheard"])),
    st.builds(
        lambda at, session, previous, appended: _event(
            "attempt", at, session=session, previous=previous, appended=appended, started=iso(at)
        ),
        times, st.sampled_from(SESSIONS), st.sampled_from([None, *SESSIONS]), st.booleans(),
    ),
)  # fmt: skip


def _recorded(session, some, cut, refused):
    first, count = cut
    return {
        "session": session,
        "segments": [f"{session}-{session}-{first}-{count}"] if count else [],
        "metrics": {"loss": expected(some).to_dict()} if count else {},
        "rejected": {"loss": refused} if refused else {},
    }


cuts = st.tuples(st.integers(0, 4), st.integers(0, 4))
ends = st.builds(
    lambda at, session, status, by, some, cut, refused, params: document(
        "end",
        {"status": status, "by": by, "ended": iso(at), "error": None, "params": params,
         **_recorded(session, some, cut, refused)},
        at,
    ),
    times, st.sampled_from(SESSIONS), st.sampled_from(["finished", "failed", None]),
    st.sampled_from(["owner", "recovery"]), some_points, cuts, st.integers(0, 2), st.dictionaries(words, plain),
)  # fmt: skip
summaries = st.builds(
    lambda session, number, some, cut, refused, tags: document(
        "summary", {**_recorded(session, some, cut, refused), "tags": tags}, session=session, number=number
    ),
    st.sampled_from(SESSIONS), st.integers(0, 50), some_points, cuts, st.integers(0, 2), st.dictionaries(words, plain),
)  # fmt: skip


def _one_name_one_file(documents):
    return list({(doc.kind, doc.name): doc for doc in documents}.values())


documents = st.builds(
    lambda first, more: _one_name_one_file([*first, *more]),
    st.lists(run_file, max_size=1), st.lists(st.one_of(events, ends, summaries), max_size=10),
)  # fmt: skip
"""The files of a run, in any order, each name once."""
