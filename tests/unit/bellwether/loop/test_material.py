import gzip
import json
from collections import Counter

import pytest

from bellwether.loop import material, slang
from bellwether.loop.material import Sizes
from models.labels import SENTIMENT_LABELS
from models.text import fingerprint
from runtime.errors import InputError
from trainer.dataset import part_of, read_file


def test_the_slang_is_seeded_never_repeats_and_has_each_label_about_as_often() -> None:
    found = list(slang.stories(900, 3))
    assert found == list(slang.stories(900, 3))
    assert found[:5] != list(slang.stories(5, 4))
    assert len({story.text for story in found}) == len({story.event_id for story in found}) == 900
    counts = Counter(story.label for story in found)
    assert set(counts) == set(SENTIMENT_LABELS)
    assert min(counts.values()) > 240


def test_no_idiom_says_two_things_and_frames_use_what_there_is() -> None:
    idioms = [idiom for own in slang.words()["idioms"].values() for idiom in own]
    assert len(idioms) == len(set(idioms)) >= 45
    assert all(("{co}" in frame and "{idiom}" in frame) or "it {idiom}" in frame for frame in slang.words()["frames"])


def test_generated_parts_repeat_none_of_each_others_stories(tmp_path) -> None:
    made = material.generated(tmp_path, 7, Sizes(before=50, after=200, test=100, base=60, golden=40))
    base = read_file(made.base)
    texts = [
        {story.text for story in made.before}, {story.text for story in made.after},
        {text for text, _ in made.old_test}, {text for text, _ in made.new_test},
    ]  # fmt: skip
    assert [len(part) for part in texts] == [50, 200, 100, 100]
    assert sum(map(len, texts)) == len(set().union(*texts))
    assert {row.task for row in base.rows} == {"sentiment", "topic"}, "a version that learns from it keeps both tasks"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(material, "TEST", 60)
    monkeypatch.setattr(material, "GOLDEN", 20)

    def write(name: str, said: str) -> object:
        rows = [{"text": f"{said} number {number} rises", "label": "positive"} for number in range(300)]
        path = tmp_path / name / "all.jsonl.gz"
        path.parent.mkdir()
        path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
        return path

    return write("old", "copper"), write("new", "barley")


def test_of_real_text_no_text_has_two_parts_to_play(files, tmp_path) -> None:
    made = material.real(*files, tmp_path, 0)
    graded = {text for text, _ in made.new_test}
    streamed = {story.text for story in made.after}
    golden = {row.text for row in read_file(made.golden).rows}
    assert (len(graded), len(streamed), len(golden & streamed), len(golden & graded)) == (60, 220, 0, 0)
    assert not graded & streamed
    old = {text for text, _ in made.old_test}
    assert {part_of(fingerprint(text)) for text in old} == {"test"}
    base = {row.text for row in read_file(made.base).rows}
    calm = {story.text for story in made.before}
    gates = {text for text in base if part_of(fingerprint(text)) == "test"}
    assert not base & (golden | calm)
    assert len(base) + len(calm) + 20 == 300
    assert (calm | gates, len(calm) - len(gates) in {0, 1}) == (old, True), "half is streamed, half is the gate's"
    assert (len(golden), len([text for text in golden if "barley" in text])) == (40, 20)
    again = material.real(*files, tmp_path, 1)
    assert made.after != again.after
    assert made.new_test == again.new_test, "the score of another seed is of the same texts"


def test_too_few_texts_are_said(files, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(material, "TEST", 200)
    with pytest.raises(InputError, match=r"all.jsonl.gz has 300 different texts; 420 are needed"):
        material.real(*files, tmp_path, 0)
