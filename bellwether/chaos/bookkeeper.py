"""Watch a row, then count what became of every event: a process of its own, independent of the workers.

Run as `python -m bellwether.chaos.bookkeeper ORDER.json` (a `journal.BookOrder`). It prints a `journal.Progress` about
once a second as a JSON line; `done` on its standard input says that load and faults are over. Then it waits until all
is quiet, reads every topic from its start, and prints a `journal.Verdict` as its last line. It shares no client library
with the workers (librdkafka here) and no codec (the standard library's json).
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from bellwether.chaos import challenging, journal, reading, rescore, switching
from bellwether.chaos.entries import Output
from bellwether.chaos.journal import BookOrder, Progress, Strike, Verdict, Written
from bellwether.chaos.ledger import SHOWN, Ledger
from bellwether.chaos.rescore import Sample
from bellwether.chaos.standstill import Quiet, Standstill
from bellwether.chaos.timing import Timeline
from bellwether.chaos.watch import Probe, Watcher
from runtime.errors import BellwetherError

EVERY_S = 1.0

Print = Callable[[msgspec.Struct], None]


class Abandoned(Exception):  # noqa: N818 (no error: whoever asked has gone)
    """Nobody waits for the verdict any more."""


class Done:
    """Whether the runner said that load and faults are over; reads standard input in a thread."""

    def __init__(self) -> None:
        self.is_done = threading.Event()
        self.is_abandoned = threading.Event()
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def _read(self) -> None:
        said = b""
        # Not through sys.stdin: its lock, held by a waiting thread, is fatal to Python's end.
        while more := os.read(0, 1024):
            said += more
            if b"done" in said.split():
                self.is_done.set()
                return
        self.is_abandoned.set()


def watch(order: BookOrder, done: Done, tell: Print) -> tuple[Standstill, bool]:
    """Watch until all is quiet, or nothing moves any more.

    Returns:
        What stood still, and whether the line reached the end of its input.

    Raises:
        Abandoned: standard input ended without `done`.
        BrokerError: the topics are not there.
    """
    standstill = Standstill()
    quiet = Quiet(order.patience)
    watcher = Watcher(order.bootstrap, order.group, order.published, (order.scored, order.dead))
    with closing(watcher), Probe(order.probe) as probe:
        while True:
            began = time.monotonic()
            look = watcher.look()
            now = time.monotonic()
            if look is None or probe.was_silent():
                standstill.silence()
            else:
                standstill.observe(now, look)
            if look is not None:
                tell(Progress(committed=sum(look.committed.values()), produced=sum(look.ends.values()), lag=look.lag))
            if done.is_abandoned.is_set():
                raise Abandoned
            if done.is_done.is_set() and (state := quiet.observe(now, look)) != "wait":
                return standstill, state == "quiet"
            time.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))


def judge(order: BookOrder, standstill: Standstill, *, is_quiet: bool) -> Verdict:
    """Read everything and count.

    Raises:
        BrokerError: a topic cannot be read.
    """
    folder = Path(order.folder)
    ledger = Ledger(
        journal.read(folder / journal.ACKED, Written),
        journal.read(folder / journal.UNKNOWN, Written),
        journal.read(folder / journal.REFUSED, Written),
    )
    timeline = Timeline()
    _read_published(order, ledger, timeline)
    served: dict[str, tuple[int, int]] = {}
    moments: list[tuple[int, str]] = []
    answers: list[challenging.Answer] = []
    sample = Sample(order.sample, random.Random(f"{order.seed} sample"))
    for message in reading.messages(order.bootstrap, order.scored):
        output, content = reading.scored(message)
        _take(output, ledger, timeline)
        count, last_ms = served.get(output.served_by[0], (0, 0))
        served[output.served_by[0]] = (count + 1, max(last_ms, output.time_ms))
        moments.append((output.time_ms, output.served_by[0]))
        answers.append((output.served_by[0], output.source, message.key()))
        timeline.clock(output.time_ms, reading.scored_at_ms(content))
        if content and rescore.may_be_sampled(content):
            sample.offer(content)
    for message in reading.messages(order.bootstrap, order.dead):
        _take(reading.letter(message, order.published), ledger, timeline)
    wrong = rescore.wrong(sample.kept, Path(order.registry), Path(order.trust))
    found = ledger.count()
    strikes = list(journal.read(folder / journal.STRIKES, Strike))
    recovery_s, return_s = timeline.recoveries(strikes, until_ms=time.time() * 1000)
    p50_s, p99_s = timeline.ages_s(0.50, 0.99)
    examples = dict(ledger.examples)
    if wrong:
        examples["wrong"] = wrong[:SHOWN]
    if standstill.stuck:
        places = standstill.stuck.items()
        examples["stuck"] = [f"partition {partition} for {seconds:.0f} s" for partition, seconds in places]
    return Verdict(
        **msgspec.structs.asdict(found),
        wrong=len(wrong),
        stuck=len(standstill.stuck),
        recovery_seconds=recovery_s,
        return_seconds=return_s,
        input_rate=timeline.input_rate(),
        peak_rate=timeline.peak_rate(),
        skew_s=timeline.skew_s(),
        age_p50_s=p50_s,
        age_p99_s=p99_s,
        served=served,
        switches=switching.switches(strikes, moments),
        tried=challenging.tried(strikes, answers, _shadowed(order, strikes)),
        quiet=is_quiet,
        examples=examples,
    )


def _shadowed(order: BookOrder, strikes: Sequence[Strike]) -> Iterator[challenging.Answer]:
    """What lies in the topic of shadows, where there was a challenger."""
    if all(strike.what != "challenged" for strike in strikes):
        return
    for message in reading.messages(order.bootstrap, order.shadowed):
        output, _ = reading.scored(message)
        yield output.served_by[0], output.source, message.key()


def _read_published(order: BookOrder, ledger: Ledger, timeline: Timeline) -> None:
    for message in reading.messages(order.bootstrap, order.published):
        place, value, time_ms = (message.partition(), message.offset()), message.value(), message.timestamp()[1]
        event_id, text = reading.described(value)
        ledger.published(
            place,
            key=reading.as_text(message.key()),
            sha256=reading.value_digest(value),
            event_id=event_id,
            text=text,
            time_ms=time_ms,
        )
        timeline.input(*place, time_ms)


def _take(output: Output, ledger: Ledger, timeline: Timeline) -> None:
    is_first = ledger.output(output)
    if output.source is not None and (entry := ledger.inputs.get(output.source)) is not None:
        age_ms = output.time_ms - entry.time_ms if is_first else None
        timeline.output(*output.source, output.time_ms, output.worker, age_ms)


def main() -> None:
    """Watch, judge, print."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m bellwether.chaos.bookkeeper ORDER.json")
    try:
        order = journal.read_order(Path(sys.argv[1]), BookOrder)
        standstill, is_quiet = watch(order, Done(), _print)
        _print(judge(order, standstill, is_quiet=is_quiet))
    except BellwetherError as error:
        sys.exit(f"error: {error}")
    except Abandoned:
        sys.exit("error: standard input ended without `done`; whoever started this has gone")


def _print(line: msgspec.Struct) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
