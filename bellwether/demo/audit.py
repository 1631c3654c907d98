"""Read published, scored and dead from Kafka and count them, in a process of its own.

Run as `python -m bellwether.demo.audit BOOTSTRAP [--since FILE] [--out FILE]`; prints the tally as one JSON object.
It decodes with the standard library's json and not with our codec, so that a fault there would show.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bellwether.demo.count import Counting, Output, Tally
from runtime.errors import BellwetherError
from runtime.topic_reader import Offsets, open_reader
from wire import topics

Keep = Callable[[dict[str, Any]], None]
"""Takes each accepted scored message."""


def count(bootstrap: str, since: Offsets | None = None, keep: Keep = lambda _: None) -> Tally:
    """Count all records that the three topics hold now; call it when nothing is under way any more.

    Args:
        bootstrap: `host:port`.
        since: leave out what lies before; by default nothing.
        keep: is given every scored message that a reader accepts.

    Raises:
        BrokerError: the topics cannot be read.
    """
    counting = Counting()
    names = (topics.PUBLISHED.name, topics.SCORED.name, topics.DEAD.name)
    with open_reader(bootstrap, names) as reader:
        ends = reader.ends()
        begins = {**reader.starts(), **(since or {})}
        reader.begin(begins)
        records = list(reader.until(ends))
    for record in records:
        if record.topic == topics.PUBLISHED.name:
            counting.published((record.partition, record.offset), _published_id(record))
    for record in records:
        if record.topic == topics.PUBLISHED.name:
            continue
        kind = "scored" if record.topic == topics.SCORED.name else "dead"
        output, message = _scored(record) if kind == "scored" else (_letter(record), {})
        partition, offset = output.source
        # An answer to what was published before `since` is none of ours.
        if offset < begins.get((topics.PUBLISHED.name, partition), 0):
            continue
        if counting.output(kind, output) and message:
            keep(message)
    return counting.tally()


def _published_id(record: Any) -> str | None:
    headers = dict(record.headers)
    if "ce_id" in headers:
        return str(headers["ce_id"], "utf-8", "replace")
    try:
        found = json.loads(record.value)["event_id"]
    except (ValueError, TypeError, KeyError):
        return None
    return found if isinstance(found, str) else None


def _scored(record: Any) -> tuple[Output, dict[str, Any]]:
    message = json.loads(record.value)
    output = Output(
        partition=record.partition,
        source=(message["source_partition"], message["source_offset"]),
        event_id=message["event_id"],
        batch_id=message["batch_id"],
        served_by=(message["model_version"], message["engine"]),
    )
    return output, message


def _letter(record: Any) -> Output:
    headers = dict(record.headers)
    named = headers.get("bw_event_id")
    return Output(
        partition=record.partition,
        source=(int(headers["bw_partition"]), int(headers["bw_offset"])),
        event_id=None if named is None else str(named, "utf-8", "replace"),
    )


def offsets_to_json(offsets: Offsets) -> str:
    """Offsets as the text that `--since` reads."""
    return json.dumps([[topic, partition, offset] for (topic, partition), offset in offsets.items()])


def offsets_from_json(text: str) -> Offsets:
    """The other way round.

    >>> offsets_from_json(offsets_to_json({("a", 1): 2}))
    {('a', 1): 2}
    """
    return {(topic, partition): offset for topic, partition, offset in json.loads(text)}


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(prog="python -m bellwether.demo.audit", description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("--since", type=Path, help="file with the offsets before which nothing counts")
    parser.add_argument("--out", type=Path, help="file that receives every accepted scored message as a JSON line")
    options = parser.parse_args()
    since = offsets_from_json(options.since.read_text(encoding="utf-8")) if options.since else None
    kept: list[str] = []
    try:
        tally = count(options.bootstrap, since, lambda message: kept.append(json.dumps(message)))
    except BellwetherError as error:
        sys.exit(f"error: {error}")
    if options.out:
        options.out.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    print(json.dumps(asdict(tally)))


if __name__ == "__main__":
    main()
