"""Options that cannot be meant so are refused before anybody asks Kafka."""

import pytest
from typer.testing import CliRunner

from bellwether.cli import dead, ingest
from runtime.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stdin", "--map", "text"), "--map 'text' has no '='"),
        (("stdin", "--speed", "fast"), "--speed 'fast' is no speed"),
        (("stdin", "--timezone", "Moon/Base"), "--timezone 'Moon/Base' is no time zone; write UTC or a name like"),
        (("stdin", "--timezone", "../../etc/passwd"), "is no time zone"),
        (("file", "a.jsonl", "b.jsonl", "--skip", "3"), "--skip 3 with 2 files is ambiguous; resume them one by one"),
        (("http", "--map", "tekst=$.a"), "an event has no field 'tekst'"),
        (("rss", "http://127.0.0.1/feed", "--map", "text=$["), "is no path into a row"),
    ],
)
def test_ingest_refuses_and_says_the_cure(arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(ingest.app, arguments)

    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


@pytest.mark.parametrize("arguments", [(), ("1:2", "--all"), ("--reason", "invalid_json"), ("1:2", "--reason", "x")])
def test_requeue_wants_to_know_exactly_what(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(dead.app, ["requeue", *arguments])

    assert isinstance(result.exception, InputError)
    assert "name letters as PARTITION:OFFSET, or say --all, or --all with --reason" in str(result.exception)


def test_requeue_refuses_what_is_no_place() -> None:
    result = CliRunner().invoke(dead.app, ["requeue", "here"])

    assert isinstance(result.exception, InputError)
    assert "'here' is no place of a letter" in str(result.exception)
