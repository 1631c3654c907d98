import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from runtime.errors import InputError
from trainer.dataset import KNOWN_TASKS, Row, merge, part_of, read_file, task_labels


def written(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def row(text: str, label: str, task: str = "sentiment") -> Row:
    return Row(text, task, label, text.lower())


def test_a_label_names_its_task(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.jsonl",
        {"text": "Up", "label": "positive"},
        {"text": "Pays", "label": "Dividend"},
    )
    assert [(r.task, r.label) for r in read_file(file).rows] == [("sentiment", "positive"), ("topic", "Dividend")]


def test_other_labels_and_broken_rows_are_counted_and_skipped(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.jsonl",
        {"text": "good", "label": "positive"},
        {"text": "both", "label": "mixed"},
        {"text": 5, "label": "positive"},
        {"text": "\u200b", "label": "positive"},
        "{nonsense",
        "[1]",
        "",
    )
    data = read_file(file)
    assert len(data.rows) == 1
    assert data.skipped == Counter(
        {"label 'mixed'": 1, "no text or label": 1, "empty after cleaning": 1, "no JSON": 1, "no JSON object": 1}
    )


def test_case_of_a_label_does_not_matter(tmp_path: Path) -> None:
    assert read_file(written(tmp_path / "a.jsonl", {"text": "x", "label": "Positive"})).rows[0].label == "positive"


def test_a_chosen_task_keeps_only_its_own_labels(tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl", {"text": "x", "label": "positive"}, {"text": "y", "label": "Macro"})
    assert [r.label for r in read_file(file, "topic").rows] == ["Macro"]


def test_a_task_of_ones_own_takes_any_label(tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl", {"text": "x", "label": "urgent"}, {"text": "y", "label": "calm"})
    assert task_labels(read_file(file, "urgency").rows) == {"urgency": ("calm", "urgent")}


def test_gzip_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b'\xef\xbb\xbf{"text": "x", "label": "neutral"}\n'))
    assert len(read_file(file).rows) == 1


def test_a_record_shows_folder_and_file_but_not_the_machine(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    file = written(tmp_path / "set" / "a.jsonl", {"text": "x", "label": "neutral"})
    assert read_file(file).name == "set/a.jsonl"


def test_a_missing_file_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no data file .*none\.jsonl; give a JSON Lines file"):
        read_file(tmp_path / "none.jsonl")


def test_a_file_without_usable_rows_says_what_was_in_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no usable row \(label 'mixed': 1\); rows need `text` and a `label`"):
        read_file(written(tmp_path / "a.jsonl", {"text": "x", "label": "mixed"}))


def test_a_file_that_is_not_gzip_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_text("plain")
    with pytest.raises(InputError, match="is no UTF-8 JSON Lines file"):
        read_file(tmp_path / "a.jsonl.gz")


def test_parts_are_fixed_and_of_the_promised_sizes() -> None:
    parts = Counter(part_of(f"text {n}") for n in range(20_000))
    assert part_of("acme up 5") == "train"
    assert parts["train"] / 20_000 == pytest.approx(0.80, abs=0.01)
    assert parts["valid"] / 20_000 == pytest.approx(0.08, abs=0.01)
    assert parts["test"] / 20_000 == pytest.approx(0.12, abs=0.01)


def test_near_copies_fall_in_one_part(tmp_path: Path) -> None:
    texts = ["Acme up 5%!", "RT @x: acme UP 5% https://t.co/1", "acme up 5"]
    file = written(tmp_path / "a.jsonl", *({"text": text, "label": "positive"} for text in texts))
    assert len({r.key for r in read_file(file).rows}) == 1


def test_copies_merge_by_majority() -> None:
    examples, counts = merge([row("A", "positive"), row("a", "positive"), row("a", "neutral"), row("b", "neutral")])
    assert [(e.text, dict(e.labels)) for e in examples] == [
        ("A", {"sentiment": "positive"}),
        ("b", {"sentiment": "neutral"}),
    ]
    assert counts["repeats"] == 2


def test_copies_that_contradict_each_other_are_dropped_and_counted() -> None:
    examples, counts = merge([row("a", "positive"), row("a", "negative"), row("b", "neutral")])
    assert [e.text for e in examples] == ["b"]
    assert counts["contradict"] == 1


def test_one_text_labelled_for_two_tasks_is_one_example() -> None:
    examples, _ = merge([row("a", "positive"), row("a", "Dividend", "topic")])
    assert [dict(e.labels) for e in examples] == [{"sentiment": "positive", "topic": "Dividend"}]


def test_there_are_three_sentiments_and_twenty_topics() -> None:
    assert {task: len(set(labels)) for task, labels in KNOWN_TASKS.items()} == {"sentiment": 3, "topic": 20}


def test_a_field_named_after_a_task_is_a_label_too(tmp_path: Path) -> None:
    both = {"text": "Beats", "label": "positive", "topic": "earnings"}
    file = written(tmp_path / "a.jsonl", both, {"text": "Odd", "topic": "Weather", "urgency": "urgent"})
    data = read_file(file)
    assert [(r.task, r.label) for r in data.rows] == [("sentiment", "positive"), ("topic", "Earnings")]
    assert data.skipped == Counter({"label 'Weather'": 1})
    assert [(r.task, r.label) for r in read_file(file, "topic").rows] == [("topic", "Earnings")]
