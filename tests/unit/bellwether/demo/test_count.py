from bellwether.demo.count import Counting, Output, Tally

SERVED = ("v-1", "noop")


def output(source: int, offset: int, event_id: str | None = None, **changes) -> Output:
    known = f"e{source}-{offset}" if event_id is None else event_id
    values = {"partition": source, "batch_id": f"b{source}-{offset}", "served_by": SERVED} | changes
    return Output(source=(source, offset), event_id=known, **values)


def counting(events: int, partitions: int = 2) -> Counting:
    count = Counting()
    for number in range(events):
        place = (number % partitions, number // partitions)
        count.published(place, f"e{place[0]}-{place[1]}")
    return count


def tally_of(count: Counting, outputs: list[tuple[str, Output]]) -> Tally:
    for kind, one in outputs:
        count.output(kind, one)
    return count.tally()


def all_scored(events: int) -> list[tuple[str, Output]]:
    return [("scored", output(number % 2, number // 2)) for number in range(events)]


def test_all_scored_breaks_no_promise() -> None:
    tally = tally_of(counting(6), all_scored(6))
    assert (tally.events, tally.scored, tally.dead, tally.lost) == (6, 6, 0, 0)
    assert tally.broken == []
    assert tally.served_by == {"v-1 noop": 6}


def test_a_dead_letter_is_an_output_too() -> None:
    outputs = [*all_scored(6)[:-1], ("dead", output(1, 2))]
    tally = tally_of(counting(6), outputs)
    assert (tally.scored, tally.dead, tally.lost) == (5, 1, 0)


def test_an_event_that_is_both_scored_and_dead_is_counted_once_and_told() -> None:
    tally = tally_of(counting(6), [*all_scored(6), ("dead", output(1, 2))])
    assert (tally.scored, tally.dead, tally.lost, tally.duplicates) == (6, 0, 0, 1)
    assert tally.broken == ["1 events are both scored and dead"]


def test_a_loss_is_found_and_named() -> None:
    outputs = all_scored(6)
    del outputs[3]
    tally = tally_of(counting(6), outputs)
    assert tally.lost == 1
    assert tally.broken == ["1 of 6 events have no output (partition:offset 1:1, …)"]


def test_an_output_that_comes_too_late_to_be_accepted_is_a_loss() -> None:
    # Kept in the topic, but a reader who keeps the rule drops it: order is part of the promise.
    outputs = all_scored(6)
    outputs[0], outputs[2] = outputs[2], outputs[0]
    tally = tally_of(counting(6), outputs)
    assert (tally.lost, tally.lost_places, tally.repeats) == (1, ((0, 0),), 1)


def test_a_repeat_after_a_crash_is_dropped_by_the_rule_and_breaks_nothing() -> None:
    outputs = all_scored(6)
    tally = tally_of(counting(6), outputs[:4] + outputs[2:4] + outputs[4:])
    assert (tally.repeats, tally.duplicates, tally.broken) == (2, 0, [])


def test_equal_messages_of_a_producer_without_ids_are_events_of_their_own() -> None:
    count = Counting()
    count.published((0, 0), None)
    count.published((0, 1), None)
    tally = tally_of(count, [("scored", output(0, 0, "same")), ("scored", output(0, 1, "same"))])
    assert (tally.scored, tally.duplicates, tally.broken) == (2, 0, [])


def test_a_producer_may_send_the_same_id_twice() -> None:
    count = Counting()
    count.published((0, 0), "same")
    count.published((0, 1), "same")
    tally = tally_of(count, [("scored", output(0, 0, "same")), ("scored", output(0, 1, "same"))])
    assert (tally.producer_repeats, tally.duplicates, tally.broken) == (1, 0, [])


def test_an_output_without_an_input_is_a_phantom() -> None:
    tally = tally_of(counting(6), [*all_scored(6), ("scored", output(0, 77))])
    assert tally.phantoms == 1
    assert tally.broken == ["1 outputs belong to no event that was published"]


def test_an_output_that_names_another_event_than_its_input_is_a_phantom_and_its_input_lost() -> None:
    outputs = all_scored(6)
    outputs[5] = ("scored", output(1, 2, "somebody else"))
    tally = tally_of(counting(6), outputs)
    assert (tally.phantoms, tally.lost) == (1, 1)


def test_an_output_on_another_partition_is_found() -> None:
    outputs = all_scored(6)
    outputs[5] = ("scored", output(1, 2, partition=0))
    tally = tally_of(counting(6), outputs)
    assert tally.broken == ["1 outputs are on another partition than their event"]


def test_a_batch_scored_by_two_versions_is_found() -> None:
    outputs = [
        ("scored", output(0, 0, batch_id="b")),
        ("scored", output(1, 0, batch_id="b", served_by=("v-2", "noop"))),
    ]
    tally = tally_of(counting(2), outputs)
    assert tally.broken == ["1 batches were scored by more than one version or engine"]


def test_a_dead_letter_of_an_event_without_id_counts() -> None:
    count = Counting()
    count.published((0, 0), None)
    letter = Output(partition=0, source=(0, 0), event_id=None)
    assert tally_of(count, [("dead", letter)]).broken == []
