"""What a letter becomes when it is tried again, and which letters cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import InputError
from streams.dead.letter import Letter
from wire import deadletter


class NotRequeuedError(InputError):
    """A letter stays where it is; the others go on."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A new input, made of a letter."""

    letter: Letter
    coordinates: str
    """Of the input that failed, `topic:partition:offset`: requeued once, whatever letters tell of it."""
    partition: int
    """The failed input's own partition, so that its key keeps its order and its outputs their place."""
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def prepare(letter: Letter, topic: str) -> Retry:
    """The input that a letter keeps, with one more attempt.

    Key, value and headers are the original ones, so the event has the same id, given or derived.

    Raises:
        NotRequeuedError: the letter is not ours, is cut (value, headers or key), kept no value, or comes from another
            topic.
    """
    place = f"letter {letter.partition}:{letter.offset}"
    said = letter.said
    if said is None:
        raise NotRequeuedError(f"{place} was not written by Bellwether ({letter.fault})")
    if said.truncated:
        raise NotRequeuedError(
            f"{place} keeps only the first {len(letter.value or b''):,} of {said.length:,} bytes; "
            f"publish the original again (SHA-256 {said.sha256})"
        )
    if said.headers_cut or said.key_cut:
        lost = " and ".join(["some headers"] * said.headers_cut + ["the end of the key"] * said.key_cut)
        raise NotRequeuedError(
            f"{place} lacks {lost} of the input, which did not fit; publish the original again ({said.coordinates})"
        )
    if letter.value is None:
        raise NotRequeuedError(f"{place} keeps a null value: there is nothing to score, in any attempt")
    if said.topic != topic:
        raise NotRequeuedError(f"{place} comes from {said.topic!r}; only inputs of {topic!r} are requeued")
    own = {deadletter.ATTEMPT, deadletter.REQUEUED_FROM}
    headers = [item for item in deadletter.original_headers(letter.headers) if item[0] not in own]
    headers.append((deadletter.ATTEMPT, b"%d" % (said.attempt + 1)))
    headers.append((deadletter.REQUEUED_FROM, said.coordinates.encode()))
    return Retry(letter, said.coordinates, said.partition, letter.key, letter.value, headers)
