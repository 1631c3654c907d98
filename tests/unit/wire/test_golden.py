"""Wire files that once existed decode to exactly the same values for ever: a change here breaks what lies in topics."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from wire import codec
from wire.events import Article, EntityScore, Scored, TaskScore

GOLDEN = Path(__file__).parents[2] / "golden" / "wire"
PUBLISHED = sorted((GOLDEN / "published").glob("*.json"))
BROKER_TIME = datetime(2026, 3, 2, tzinfo=UTC)


def test_no_golden_file_is_lost() -> None:
    assert len(PUBLISHED) == 6
    assert len(list((GOLDEN / "scored").glob("*.json"))) == 2


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_file_decodes_to_its_stated_values(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    key = golden["key"].encode() if golden["key"] is not None else None
    headers = [(name, value.encode()) for name, value in golden["headers"]]

    decoded = codec.decode_published(base64.b64decode(golden["value_base64"]), key, headers, BROKER_TIME)

    expected = golden["expected"]
    assert set(expected) == set(Article.__struct_fields__)
    for field, value in expected.items():
        found = getattr(decoded.article, field)
        if field in ("published_at", "ingested_at"):
            assert found == datetime.fromisoformat(value), field
        else:
            assert (list(found) if field == "entities" else found) == value, field
    assert list(decoded.flags) == golden["flags"]


TIME = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SENTIMENT = TaskScore(
    label="positive", probabilities={"negative": 100, "neutral": 900, "positive": 9000}, abstained=False
)
MINIMAL = Scored(
    event_id="e-1",
    text="Norvale lifts its outlook",
    published_at=TIME,
    source="wire",
    tasks={"sentiment": SENTIMENT},
    model_version="v-0123456789",
    engine="openvino-int8",
    cleaning="1",
    batch_id="b-1",
    worker="w-1",
    source_partition=3,
    source_offset=41,
    scored_at=datetime(2026, 3, 1, 9, 30, 5, 123456, tzinfo=UTC),
)
COMPLETE = msgspec.structs.replace(
    MINIMAL,
    ingested_at=TIME,
    url="https://example.org/1",
    lang="en",
    entities=(
        EntityScore(id="NRVL", found_by="cashtag", sentiment=SENTIMENT),
        EntityScore(id="OSTR", found_by="producer"),
    ),
    flags=("text_cut",),
)


@pytest.mark.parametrize(("name", "expected"), [("minimal", MINIMAL), ("complete", COMPLETE)])
def test_scored_file_and_its_values_are_the_same_both_ways(name: str, expected: Scored) -> None:
    raw = (GOLDEN / "scored" / f"{name}.json").read_bytes().rstrip(b"\n")

    assert msgspec.json.decode(raw, type=Scored) == expected
    assert codec.encode(expected) == raw
