"""One instant out of many notations."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ingest import times
from streams.ingest.refusal import RowRefusedError

NINE_THIRTY = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T09:30:00Z",
        "2026-03-01T10:30:00+01:00",
        "2026-03-01 09:30+00:00",
        " 20260301T093000Z ",
        "Sun, 01 Mar 2026 09:30:00 GMT",
        "Sun, 01 Mar 2026 10:30:00 +0100",
        1_772_357_400,
        1_772_357_400.0,
        1_772_357_400_000,
        "1772357400",
        "1772357400000",
        NINE_THIRTY,
        NINE_THIRTY.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_every_notation_is_the_same_instant_in_utc(value: object) -> None:
    found = times.parse(value)

    assert found == NINE_THIRTY
    assert found.tzinfo is UTC


@pytest.mark.parametrize("value", ["2026-03-01", "20260301", date(2026, 3, 1)])
def test_a_date_is_its_midnight(value: object) -> None:
    assert times.parse(value) == datetime(2026, 3, 1, tzinfo=UTC)
    assert times.parse(value, ZoneInfo("Europe/Berlin")) == datetime(2026, 2, 28, 23, tzinfo=UTC)


@pytest.mark.parametrize("value", ["2026-03-01T10:30:00", datetime(2026, 3, 1, 10, 30)])
def test_a_time_without_offset_needs_a_zone(value: object) -> None:
    assert times.parse(value, ZoneInfo("Europe/Berlin")) == NINE_THIRTY
    with pytest.raises(RowRefusedError, match=r"has no offset from UTC; say which zone it means with --timezone UTC"):
        times.parse(value)


@pytest.mark.parametrize(
    "value",
    [
        "soon", "", "2026", 2026, 17.25, -5, True, "2026-13-01", "2026-02-30T00:00:00Z", 1e40, float("nan"),
        float("inf"), 10**18, [2026], {"t": 1}, "0001-01-01T00:00:00+12:00",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_the_notations(value: object) -> None:
    with pytest.raises(
        RowRefusedError, match="is no time; use ISO 8601, a date, epoch seconds or milliseconds, or RFC 822"
    ) as caught:
        times.parse(value)

    assert caught.value.reason == "bad_time"


@settings(deadline=None)
@given(st.text() | st.floats() | st.integers() | st.none() | st.binary())
def test_anything_is_an_instant_or_refused(value: object) -> None:
    try:
        assert times.parse(value).tzinfo is UTC
    except RowRefusedError as error:
        reason = error.reason
    else:
        reason = "bad_time"
    assert reason == "bad_time"
