"""Every record meets the fate that its kind promises, the same for the same seed, and the deadly ones stand apart."""

import json
import random
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as reference

from bellwether.chaos import corpus, poison
from bellwether.chaos.corpus import Item, items
from bellwether.chaos.partitioner import murmur2, partition_of
from models.text import clean
from runtime.errors import InputError
from streams.classify.prepare import MAX_TEXT_BYTES, prepare
from streams.classify.records import Ready, Record
from wire.topics import MAX_PUBLISHED_BYTES

PARTITIONS = 4
MIX = {
    "poison": 0.1, "slow": 0.05, "repeat": 0.05, "conflict": 0.05, "heavy": 0.05, "abort": 0.001, "hang": 0.001,
    "alloc": 0.001, "large": 0.002, "oversize": 0.002,
}  # fmt: skip


@pytest.fixture(scope="module")
def mixed() -> list[Item]:
    return list(items(7, 5_000, MIX, PARTITIONS))


def worker_says(value: bytes | None, key: str | None, headers: tuple[tuple[str, bytes], ...]) -> str:
    record = Record(0, 0, None if key is None else key.encode(), value, headers, 1_700_000_000.0)
    return "scored" if isinstance(prepare(record), Ready) else "dead"


@pytest.mark.parametrize("kind", poison.KINDS, ids=lambda kind: kind.name)
def test_each_kind_of_poison_ends_as_it_says(kind: poison.Poison) -> None:
    assert worker_says(kind.bytes_for("e"), "k", kind.headers) == kind.fate


def test_the_worker_prepares_what_is_to_be_scored_and_refuses_what_is_to_be_dead(mixed: list[Item]) -> None:
    for item in mixed:
        if item.kind in {"plain", "poison", "repeat", "conflict", "slow", "heavy", "large"} and item.fate != "either":
            assert worker_says(item.value, item.key, item.headers) == item.fate, item.event_id


def test_the_same_seed_gives_the_same_records_and_another_seed_others() -> None:
    one, again, other = (list(items(seed, 300, {"poison": 0.2, "slow": 0.1}, PARTITIONS)) for seed in (1, 1, 2))

    assert one == again
    assert one != other


def test_shares_are_exact_and_a_small_one_still_comes_once(mixed: list[Item]) -> None:
    counts = Counter(item.kind for item in mixed)

    assert counts["poison"] == 500
    assert counts["repeat"] == counts["conflict"] == counts["slow"] == counts["heavy"] == 250
    assert counts["large"] == counts["oversize"] == 10
    assert sum(counts.values()) == 5_000
    assert [item.kind for item in items(1, 100, {"poison": 0.0001}, 4)].count("poison") == 1


def test_sequences_of_a_key_count_from_0_and_keyless_records_have_none(mixed: list[Item]) -> None:
    sequences = defaultdict(list)
    for item in mixed:
        sequences[item.key].append(item.sequence)

    assert set(sequences.pop(None)) == {-1}
    assert len(sequences) == corpus.NAMED_KEYS
    assert all(numbers == list(range(len(numbers))) for numbers in sequences.values())


def test_ids_name_key_and_sequence_and_only_repeats_and_conflicts_share_one(mixed: list[Item]) -> None:
    plain = [item for item in mixed if item.kind not in {"repeat", "conflict"} and item.event_id is not None]

    assert len({item.event_id for item in plain}) == len(plain)
    assert all(item.event_id == f"chaos-7-{item.key}-{item.sequence}" for item in plain if item.key is not None)


def test_a_repeat_is_an_earlier_plain_event_and_a_conflict_has_its_id_alone(mixed: list[Item]) -> None:
    first: dict[str | None, Item] = {}
    for item in mixed:
        if item.kind == "plain":
            first[item.event_id] = item
        elif item.kind == "repeat":
            assert (item.key, item.value) == (first[item.event_id].key, first[item.event_id].value)
            assert item.sequence != first[item.event_id].sequence or item.key is None
        elif item.kind == "conflict":
            assert item.key == first[item.event_id].key
            assert item.value != first[item.event_id].value


def test_deadly_events_stand_apart_in_their_partition_and_not_at_the_beginning() -> None:
    mix = {"abort": 0.0004, "hang": 0.0003, "alloc": 0.0003}
    seen = dict.fromkeys(range(PARTITIONS), 10_000)
    deadly = 0
    for position, item in enumerate(items(3, 10_000, mix, PARTITIONS)):
        if item.kind in corpus.DEADLY:
            assert item.key is not None
            assert position >= corpus.CALM
            deadly += 1
            home = partition_of(item.key, PARTITIONS)
            assert seen[home] >= corpus.APART
            seen[home] = 0
        elif item.key is not None:
            seen[partition_of(item.key, PARTITIONS)] += 1

    assert deadly == 10


def test_more_deadly_events_than_fit_are_fewer() -> None:
    kinds = Counter(item.kind for item in items(3, 2_000, {"abort": 0.5, "hang": 0.5}, PARTITIONS))

    assert kinds["abort"] + kinds["hang"] == 2


def test_heavy_events_come_in_runs_of_one_key(mixed: list[Item]) -> None:
    heavy = [position for position, item in enumerate(mixed) if item.kind == "heavy"]
    runs = 1 + sum(following - position > 1 for position, following in pairwise(heavy))

    assert runs <= 250 // corpus.RUN + 2


@pytest.mark.parametrize("kind", [*corpus.DEADLY, *corpus.MARKED])
def test_cleaning_leaves_the_markers_alone(mixed: list[Item], kind: str) -> None:
    texts = [json.loads(item.value or b"")["text"] for item in mixed if item.kind == kind]

    assert texts
    assert all(f"[[{kind}]]" in clean(text) for text in texts)


def test_large_fits_with_its_text_cut_and_oversize_does_not(mixed: list[Item]) -> None:
    sizes = {kind: [len(item.value or b"") for item in mixed if item.kind == kind] for kind in ("large", "oversize")}

    assert all(MAX_TEXT_BYTES < size < MAX_PUBLISHED_BYTES for size in sizes["large"])
    assert all(size > MAX_PUBLISHED_BYTES for size in sizes["oversize"])


@pytest.mark.parametrize("mix", [{"poisson": 0.1}, {"poison": -0.1}, {"poison": 1.5}, {"poison": 0.6, "slow": 0.6}])
def test_a_mix_that_cannot_be_is_refused(mix: dict[str, float]) -> None:
    with pytest.raises(InputError, match="mix"):
        list(items(1, 100, mix, PARTITIONS))


@settings(deadline=None, max_examples=50)  # the machine may be busy
@given(st.integers(), st.binary(min_size=1, max_size=200))
def test_the_fuzzer_damages_the_same_way_for_the_same_seed(seed: int, message: bytes) -> None:
    assert poison.fuzz(message, random.Random(seed)) == poison.fuzz(message, random.Random(seed))


def test_most_of_what_the_fuzzer_touched_is_really_broken_and_some_is_still_good(mixed: list[Item]) -> None:
    fates = Counter(
        worker_says(item.value, item.key, item.headers)
        for item in mixed
        if item.fate == "either" and item.kind == "poison"
    )

    assert fates["dead"] > fates["scored"] > 0


@given(st.binary(max_size=40))
def test_our_murmur2_is_that_of_others(key: bytes) -> None:
    assert murmur2(key) == reference(key)
