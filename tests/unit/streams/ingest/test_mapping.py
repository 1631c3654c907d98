"""Which field of a row is which field of an event."""

import pytest

from runtime.errors import InputError
from streams.ingest.mapping import RowMapping


def test_unmapped_fields_are_guessed_by_name_in_order() -> None:
    picked = RowMapping.parse([]).pick(
        {"headline": "h", "title": "t", "date": "2026-03-01", "ticker": "NRVL", "event_id": "e", "id": 7, "link": "u"}
    )

    assert picked.values == {
        "text": "t",
        "time": "2026-03-01",
        "key": "NRVL",
        "event_id": "e",
        "id": 7,
        "url": "u",
    }
    assert picked.explicit == frozenset()


def test_null_and_empty_values_are_absent_and_the_next_guess_is_tried() -> None:
    picked = RowMapping.parse([]).pick({"text": None, "title": "", "headline": "h", "key": ""})

    assert picked.values == {"text": "h"}


def test_a_mapping_replaces_the_guesses_of_its_field_only() -> None:
    mapping = RowMapping.parse(["text=$.body.main", "time=ts", "entities=$.tickers[*].symbol"])

    picked = mapping.pick({"text": "no", "body": {"main": "yes"}, "ts": 1, "tickers": [{"symbol": "A"}], "source": "s"})

    assert picked.values == {"text": "yes", "time": 1, "entities": ["A"], "source": "s"}
    assert picked.explicit == {"text", "time", "entities"}


def test_a_mapped_field_that_is_absent_stays_absent() -> None:
    assert RowMapping.parse(["text=$.body"]).pick({"text": "there"}).values == {}


def test_published_at_is_another_word_for_time() -> None:
    assert RowMapping.parse(["published_at=$.ts"]).pick({"ts": 5}).values == {"time": 5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["text"], r"--map 'text' has no '='; write it like text=\$.headline"),
        (
            ["tekst=$.a"],
            "an event has no field 'tekst'; known: text, event_id, id, time, key, source, url, lang, entities",
        ),
        (["text=$.a", "text=$.b"], "'text' is mapped twice; keep one"),
        (["time=$.a", "published_at=$.b"], "'time' is mapped twice; keep one"),
        (["text="], "'' is no path into a row"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_cure(options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RowMapping.parse(options)
