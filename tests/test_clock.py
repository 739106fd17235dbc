"""Times: what is written reads back, and the quick reader is exactly as strict as the patient one."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gtrack.clock import iso, iso_to_us, later_stamp, stamp, stamp_to_us

FORMS = {iso_to_us: "%Y-%m-%dT%H:%M:%S.%fZ", stamp_to_us: "%Y%m%dT%H%M%S.%fZ"}
YEAR_1000, YEAR_9999 = (int(datetime(*day, tzinfo=UTC).timestamp()) * 10**6 for day in ((1000, 1, 1), (9999, 12, 31)))

moments = st.integers(YEAR_1000, YEAR_9999)
numbers = st.one_of(
    st.integers(0, 99).map("{:02}".format), st.sampled_from(["", "0", "7", "60", "61", "٣٤", "-1", " 1"])
)
fractions = st.one_of(st.integers(0, 999_999).map("{:06}".format), st.sampled_from(["", "5", "1234567", "١٢٣٤٥٦"]))
years = st.one_of(st.integers(0, 9999).map("{:04}".format), st.sampled_from(["", "26", "١٩٩٩", "12026", "+026"]))
seldom = st.integers(0, 9)


def _put_together(date, clock, fraction, marks, odd):
    (year, month, day), (hour, minute, second) = date, clock
    dash, colon = "-:" if marks else ("", "")
    text = f"{year}{dash}{month}{dash}{day}T{hour}{colon}{minute}{colon}{second}.{fraction}Z"
    changes = ["t", "z", "+00:00", " ", "\n", ",", ""]
    return text if odd >= len(changes) else re.sub("[TZ.]", changes[odd], text, count=1 + odd % 2)


texts = st.one_of(
    moments.map(iso),
    moments.map(stamp),
    st.builds(_put_together, st.tuples(years, numbers, numbers), st.tuples(numbers, numbers, numbers), fractions,
              st.booleans(), st.integers(0, 40)),
    st.from_regex(r"20[0-9]{2}-(W[0-5][0-9]-[0-9]|[01][0-9]-[0-3][0-9])[T ][0-2][0-9](:[0-6][0-9]){2}\.[0-9]{6}Z?\n?"),
    st.text(max_size=30),
)  # fmt: skip


def patient(text, form):
    """The definition: strptime, which takes a second per 150,000 texts."""
    try:
        moment = datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.replace(microsecond=0).timestamp()) * 10**6 + moment.microsecond


@pytest.mark.parametrize("read", FORMS, ids=lambda read: read.__name__)
@settings(max_examples=200)
@example("2026-11-21T24:00:00.000000Z")
@example("20261121T240000.000000Z")
@example("2026-W47-6T14:25:30.123456Z")
@example("2026-11-21 14:25:30.123456Z")
@example("2026-11-21T14:25:30,123456Z")
@example("2026-11-21T14:25:30.123456Z\n")
@example("2026-1-1T1:2:3.5Z")
@example("2026-11-21t14:25:30.123456z")
@example("٢٠٢٦-11-21T14:25:30.123456Z")
@example("0000-01-01T00:00:00.000000Z")
@example("2026-02-29T00:00:00.000000Z")
@example("2024-02-29T23:59:60.000000Z")
@given(text=texts)
def test_a_time_is_read_exactly_as_strptime_reads_it(read, text):
    try:
        found = read(text)
    except ValueError:
        found = None
    assert found == patient(text, FORMS[read])


@given(moments)
def test_a_time_that_was_written_reads_back_to_the_microsecond(us):
    assert iso_to_us(iso(us)) == us
    assert stamp_to_us(stamp(us)) == us


@given(moments, moments)
def test_texts_sort_as_their_times_do(one, other):
    assert (one < other) == (iso(one) < iso(other)) == (stamp(one) < stamp(other))


@given(moments, moments)
def test_a_later_stamp_is_later_than_the_one_before_and_never_before_now(now, before):
    assert stamp_to_us(later_stamp(now, stamp(before))) == max(now, before + 1)
    assert later_stamp(now, None) == stamp(now)
