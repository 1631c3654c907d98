"""Paths into rows, as `--map` writes them."""

import pytest

from runtime.errors import InputError
from streams.ingest import paths

ROW = {"a": {"b": [10, {"c": "deep"}]}, "with space": 1, "list": [{"s": "X"}, {"t": 0}, {"s": "Y"}], "none": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.a.b[0]", 10),
        ("a.b[1].c", "deep"),
        ("$.a.b[-2]", 10),
        ("$['with space']", 1),
        ('$["a"].b[0]', 10),
        ("$.list[*].s", ["X", "Y"]),
        ("$.none", None),
        ("$.none.x", None),
        ("$.a.b[2]", None),
        ("$.a[0]", None),
        ("$.a.b.c", None),
        ("$.a[*]", None),
        ("$.missing.far[3].away", None),
        ("$[0]", None),
    ],
)
def test_a_path_finds_its_value_or_none(path: str, found: object) -> None:
    assert paths.find(ROW, paths.parse(path)) == found


@pytest.mark.parametrize("path", ["", "$", "$.", "$..a", "$.a[", "$.a[x]", "$.a b", "$a", "$.a.", "[*"])
def test_what_is_no_path_is_refused_with_an_example(path: str) -> None:
    with pytest.raises(InputError, match=r"is no path into a row; write it like \$.headline, \$.a.b\[0\]") as caught:
        paths.parse(path)

    assert repr(path) in str(caught.value)
