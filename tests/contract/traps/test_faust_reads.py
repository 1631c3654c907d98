"""What Faust 0.15.3 reads and what it drops, shown on the real broker, so that an upgrade that changes it is noticed.

Each test says what of ours exists because of it and what may go when it fails. A failure here is news, not a defect.
"""

import os
import subprocess
import sys

from confluent_kafka import Producer

BAD = '{"n": nope'


def test_the_json_serializer_drops_a_bad_message_and_no_log_line_says_which(place) -> None:
    """Logged is the agent's crash with a ValueDecodeError; topic, partition, offset and content appear nowhere, and
    there is no dead letter.

    Why: `agent.build_app` and `agent.attach` ask for raw keys and values, and `prepare` decodes them.
    When it fails: our decoding stays, because of its reasons and letters; the raw serializers are still the faster.
    """
    place.publish('{"n": 1}')
    with place.app(serializer="json") as app:
        app.handles({"n": 1})
        place.publish(BAD)
        app.wait_for(lambda: place.committed() == 2)
        place.publish('{"n": 3}')
        app.handles({"n": 3})
    assert app.texts("met") == [{"n": 1}, {"n": 3}]
    after = app.log[app.log.index("Ready") :]
    assert "Crashed reason=ValueDecodeError" in after
    assert not [line for line in after.splitlines() if place.topic in line or "nope" in line or "offset" in line]


def test_a_bad_message_stalls_take_for_good_without_a_log_line(place) -> None:
    """Why: as above; this is the worse half. It shows as lag alone.

    When it fails: as above.
    """
    place.publish('{"n": 1}')
    with place.app(serializer="json", how="take", within_s=0.2) as app:
        app.handles({"n": 1})
        place.publish(BAD)
        app.wait_for(lambda: place.committed() == 2)
        before = app.log
        place.publish(*(f'{{"n": {number}}}' for number in range(3, 9)))
        with place.app(serializer="json", group=f"{place.group}-other") as witness:
            witness.handles({"n": 8})  # the good ones are there to be read
        assert app.texts("met") == [{"n": 1}]
        assert place.committed() == 2
        assert app.log == before
        assert not [line for line in before.splitlines() if line.startswith(("WARNING", "ERROR", "CRITICAL"))]


def test_an_agent_meets_what_a_transaction_took_back_and_offsets_that_are_missing_count_as_acknowledged(place) -> None:
    """Why: control topics get readers of our own; no agent reads a compacted topic, whose gaps Faust commits over.

    When it fails: agents may read what needs `read_committed`.
    """
    producer = Producer({"bootstrap.servers": place.bootstrap, "transactional.id": place.topic})
    producer.init_transactions(60)
    for text, end in (("kept", "commit"), ("taken back", "abort"), ("kept too", "commit")):
        producer.begin_transaction()
        producer.produce(place.topic, text.encode(), b"k", 0)
        producer.flush(60)
        getattr(producer, f"{end}_transaction")(60)
    with place.app() as app:
        app.handles("kept too")
        app.wait_for(lambda: place.committed() == 5)  # 0, 2 and 4 are events, 1 and 3 are markers
    assert app.texts("met") == ["kept", "taken back", "kept too"]


def test_the_compiled_stream_is_there_and_can_be_switched_off_from_outside() -> None:
    """Why: `agent.require_compiled` refuses the pure-Python stream, which acknowledges what it skips.

    When the first fails: Faust has no wheel for this Python; the worker refuses to start. When the second fails:
    `require_compiled` may go.
    """
    from faust import streams

    assert streams._CStreamIterator is not None
    code = "from streams.classify.agent import require_compiled; require_compiled()"
    told = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"NO_CYTHON": "1"}, capture_output=True, text=True, check=False
    )
    assert "DependencyError: faust-streaming runs without its compiled stream" in told.stderr


def test_a_record_of_faust_writes_its_python_path_into_the_message() -> None:
    """Why: `wire.events` are structs of our own; other languages read them.

    When it fails: nothing changes; the structs are also frozen, fast and checked.
    """
    import faust

    class Article(faust.Record):
        text: str

    assert b"__faust" in Article(text="a").dumps(serializer="json")
