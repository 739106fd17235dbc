"""Names of files: each means one thing, and what is nearly a name means nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtrack.format import names
from gtrack.format.names import Segment, parse_run_file

STAMP, DIGEST, ORIGIN = "20261121T142530.123456Z", "0123456789ab", "9c1d7b6e-0a1b2c3d"
EXAMPLES = {
    "run.yaml": "run",
    f"end-{STAMP}-{DIGEST}.yaml": "end",
    f"metrics-{ORIGIN}-0-10.parquet": "metrics",
    f"system-{ORIGIN}-5-10.parquet": "system",
    f"summary-{ORIGIN}-0-0.yaml": "summary",
    f"preview-{ORIGIN}-0-7.parquet": "preview",
    f"console-{ORIGIN}.log.gz": "console",
    f"values-{DIGEST}.txt": "values",
    f"artifacts-{ORIGIN}-1-2.yaml": "artifacts",
    f"events/{STAMP}-{DIGEST}.yaml": "event",
}
# One whole pattern a kind, in other words than the code's.
_AT, _SHA = r"\d{8}T\d{6}\.\d{6}Z", "[0-9a-f]{12}"
_FROM, _NUMBER = "[0-9a-f]{8}-[0-9a-f]{8}", r"(0|[1-9]\d{0,15})"
PATTERNS = {
    "run": r"run\.yaml",
    "end": rf"end-{_AT}-{_SHA}\.yaml",
    "metrics": rf"metrics-{_FROM}-{_NUMBER}-{_NUMBER}\.parquet",
    "system": rf"system-{_FROM}-{_NUMBER}-{_NUMBER}\.parquet",
    "summary": rf"summary-{_FROM}-{_NUMBER}-{_NUMBER}\.yaml",
    "preview": rf"preview-{_FROM}-{_NUMBER}-{_NUMBER}\.parquet",
    "console": rf"console-{_FROM}\.log\.gz",
    "values": rf"values-{_SHA}\.txt",
    "artifacts": rf"artifacts-{_FROM}-{_NUMBER}-{_NUMBER}\.yaml",
    "event": rf"events/{_AT}-{_SHA}\.yaml",
}
parts = sorted({part for name in EXAMPLES for part in re.split(r"([-./])", name)} | {"event", "\n", "00", "٣"})
near = st.one_of(
    st.sampled_from(sorted(EXAMPLES)),
    st.builds(
        lambda name, at, part: name[:at] + part + name[at:],
        st.sampled_from(sorted(EXAMPLES)), st.integers(0, 70), st.sampled_from(parts),
    ),
    st.builds(
        lambda name, old, new: name.replace(old, new) if old else name,
        st.sampled_from(sorted(EXAMPLES)), st.sampled_from(parts), st.sampled_from(parts),
    ),
    st.lists(st.sampled_from(parts), max_size=8).map("".join),
)  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), EXAMPLES.items())
def test_every_kind_of_file_is_known_by_its_name(name, kind):
    assert parse_run_file(name).kind == kind


@given(near)
@settings(max_examples=200)
def test_a_name_means_what_its_pattern_says_and_anything_else_means_nothing(name):
    kinds = [kind for kind, pattern in PATTERNS.items() if re.fullmatch(pattern, name, re.ASCII)]
    found = parse_run_file(name)
    assert ([] if found is None else [found.kind]) == kinds


def test_a_name_tells_stamp_digest_writer_and_range():
    end, metrics = parse_run_file(f"end-{STAMP}-{DIGEST}.yaml"), parse_run_file(f"metrics-{ORIGIN}-3-10.parquet")
    assert (end.stamp, end.digest, end.session, end.segment) == (STAMP, DIGEST, None, None)
    assert (metrics.session, metrics.writer, metrics.stamp) == ("9c1d7b6e", "0a1b2c3d", None)
    assert metrics.segment == Segment("9c1d7b6e", "0a1b2c3d", 3, 10)
    assert names.segment("metrics", metrics.segment) == metrics.name
