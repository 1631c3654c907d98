"""Rows of every format, plain and compressed, with their places; a bad row costs only itself."""

import gzip
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow
import pyarrow.parquet
import pytest

from runtime.errors import InputError
from streams.ingest import csv_rows, json_lines, opening
from streams.ingest.refusal import RowRefusedError
from streams.ingest.rows import Row


def shown(rows: Iterable[Row]) -> list[tuple[int, object]]:
    return [(row.number, row.values.reason if isinstance(row.values, RowRefusedError) else row.values) for row in rows]


def json_rows(raw: bytes) -> list[tuple[int, object]]:
    return shown(json_lines.read(io.BytesIO(raw)))


def table_rows(raw: bytes, delimiter: str = ",") -> list[tuple[int, object]]:
    return shown(csv_rows.read(io.BytesIO(raw), delimiter))


def test_json_lines_are_numbered_as_an_editor_does() -> None:
    raw = b'\xef\xbb\xbf{"a":1}\r\n\n{"a":2}\nnonsense\n[1]\n{"a":"\xff"}\n"s"\n{"a":3}'

    assert json_rows(raw) == [
        (1, {"a": 1}), (3, {"a": 2}), (4, "not_json"), (5, "not_an_object"), (6, "invalid_utf8"), (7, "not_an_object"),
        (8, {"a": 3}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"nonsense", "JSON is malformed.*; write one JSON object a line"),
        (b'{"a":NaN}', "JSON is malformed.*; write one JSON object a line"),
        (rb'{"a":"\ud83d"}', "write one JSON object a line"),
        (b"[" * 100_000, "write one JSON object a line"),
        (b"[1]", 'the line holds list, no object; write {"text": …}'),
        (b'{"a":"\xff"}', "is not UTF-8; save it as UTF-8"),
    ],
)
def test_a_bad_json_line_says_what_is_wrong(line: bytes, message: str) -> None:
    refusal = json_lines.decode(line)

    assert isinstance(refusal, RowRefusedError)
    with pytest.raises(RowRefusedError, match=message):
        raise refusal


def test_a_line_without_end_is_refused_in_bounded_memory_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", 100)

    assert json_rows(b'{"a":"' + b"x" * 350 + b'"}\n{"a":1}\n') == [(1, "too_large"), (2, {"a": 1})]
    assert json_rows(b"x" * 350) == [(1, "too_large")]


def test_csv_quotes_line_breaks_and_separators() -> None:
    raw = b'\xef\xbb\xbftext,ticker\r\n"one, two\nthree ""four""",NRVL\nplain,\n'

    assert table_rows(raw) == [(3, {"text": 'one, two\nthree "four"', "ticker": "NRVL"}), (4, {"text": "plain"})]


def test_csv_rows_of_another_width_are_refused_instead_of_cut() -> None:
    assert table_rows(b"text,k\na,b\nhalf, a sentence,K\nshort\n\nc,d\n") == [
        (2, {"text": "a", "k": "b"}), (3, "wrong_columns"), (4, "wrong_columns"), (6, {"text": "c", "k": "d"}),
    ]  # fmt: skip


def test_csv_bytes_that_are_no_utf8_stay_in_their_row() -> None:
    assert table_rows(b"text\ncaf\xe9\nfine\n") == [(2, {"text": "caf\udce9"}), (3, {"text": "fine"})]


def test_a_csv_row_with_broken_quotes_is_refused_and_the_next_is_read() -> None:
    assert table_rows(b'text\n"a"b\nfine\n') == [(2, "not_an_object"), (3, {"text": "fine"})]


def test_tabs_separate_too() -> None:
    assert table_rows(b"text\tk\na,b\tK\n", "\t") == [(2, {"text": "a,b", "k": "K"})]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "line 1 is empty"),
        (b"\ntext\n", "line 1 is empty"),
        (b"a,b,a\n", "line 1 names the column 'a' twice; rename"),
    ],
)
def test_a_csv_file_without_a_usable_header_is_refused_as_a_whole(raw: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        table_rows(raw)


TIME = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def parquet() -> bytes:
    sink = io.BytesIO()
    table = pyarrow.table({"text": ["a", "b"], "ts": [TIME, None], "tickers": [["X", "Y"], []]})
    pyarrow.parquet.write_table(table, sink)
    return sink.getvalue()


LINES = b'{"text":"a"}\n{"text":"b"}\n'
CSV = b"text\na\nb\n"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("x.jsonl", LINES),
        ("x.ndjson", LINES),
        ("x.v2.JSON", LINES),
        ("x.csv", CSV),
        ("x.tsv", CSV),
        ("x.parquet", None),
    ],
)
def test_every_format_is_read_from_a_file(tmp_path: Path, name: str, raw: bytes | None, packed: bool) -> None:
    content = parquet() if raw is None else raw
    path = tmp_path / (name + ".gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)

    with opening.file(path) as rows:
        texts = [row.values["text"] for row in rows.iterator if not isinstance(row.values, RowRefusedError)]
        share = rows.share_read()

    assert texts == ["a", "b"]
    assert share == 1.0
    assert rows.name == path.name


def test_parquet_keeps_its_types_and_counts_from_one(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(parquet())

    with opening.file(path) as rows:
        first, second = rows.iterator

    assert (first.number, first.values) == (1, {"text": "a", "ts": TIME, "tickers": ["X", "Y"]})
    assert (second.number, second.values) == (2, {"text": "b", "ts": None, "tickers": []})


def test_gzip_is_known_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(gzip.compress(LINES))

    with opening.file(path) as rows:
        assert len(list(rows.iterator)) == 2


def test_the_format_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "export.dat"
    path.write_bytes(CSV)

    with opening.file(path, "csv") as rows:
        assert len(list(rows.iterator)) == 2


def test_a_name_without_a_known_ending_asks_for_the_format(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"x.dat: the name tells no format; add --format jsonl, csv, tsv or parquet"),
        opening.file(tmp_path / "x.dat"),
    ):
        pass


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no.jsonl: No such file or directory"), opening.file(tmp_path / "no.jsonl"):
        pass
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(InputError, match=r"d.jsonl: Is a directory"), opening.file(tmp_path / "d.jsonl"):
        pass


def test_a_cut_gzip_file_gives_its_rows_and_then_says_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    # Lines that do not compress to nothing, so that many of them lie before the cut.
    raw = b"".join(b'{"text":"%d"}\n' % (number * 7919 % 100_003) for number in range(50_000))
    path.write_bytes(gzip.compress(raw)[:-20_000])
    read: list[int] = []

    def read_on(rows: Iterable[Row]) -> None:
        for row in rows:
            read.append(row.number)

    with opening.file(path) as rows, pytest.raises(InputError) as caught:
        read_on(rows.iterator)

    assert len(read) > 10_000
    assert read == list(range(1, read[-1] + 1))
    assert f"x.jsonl.gz: after line {read[-1]}: Compressed file ended" in str(caught.value)
    assert str(caught.value).endswith("the gzip stream is damaged, fetch the file again")


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 but not really")

    with pytest.raises(InputError, match=r"x.parquet: it cannot be read as Parquet"), opening.file(path):
        pass


def test_the_digest_of_a_file_is_its_own_and_the_same_for_every_row(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(LINES)

    with opening.file(path) as rows:
        digests = {rows.digest({"text": "a"}), rows.digest({"text": "b"})}

    assert digests == {"22531915296e663c96ec5a359918921a1f0272bd4a82d796ecf258ace8ed9836"}


def test_standard_input_has_a_digest_per_row_and_no_share() -> None:
    with opening.standard_input(cast("BinaryIO", io.BufferedReader(io.BytesIO(gzip.compress(LINES))))) as rows:
        assert [row.number for row in rows.iterator] == [1, 2]
        assert rows.digest({"a": "x", "b": 1}) == rows.digest({"b": 1, "a": "x"}) != rows.digest({"a": "y", "b": 1})
        assert rows.share_read() is None
        assert rows.name == "stdin"


def test_parquet_comes_through_a_pipe_too() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with opening.standard_input(cast("BinaryIO", io.BufferedReader(Pipe(parquet()))), "parquet") as rows:
        assert len(list(rows.iterator)) == 2
