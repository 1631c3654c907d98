"""`bellwether ingest file|stdin|rss|http`: text from outside becomes events, unchanged."""

from __future__ import annotations

import asyncio
import sys
from datetime import tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from bellwether.cli import ingest_service
from bellwether.cli.ingest_service import Place
from bellwether.cli.ingest_session import Options, Session
from runtime import clock
from runtime.errors import InputError
from streams.ingest import opening
from streams.ingest.article import ArticleBuilder
from streams.ingest.http_endpoint import IngestApp
from streams.ingest.mapping import RowMapping
from streams.ingest.replay import Pace, parse_speed
from streams.ingest.rows import Format, Rows
from streams.ingest.rss import Desk, FeedPoller
from streams.ingest.run import Bounds

app = typer.Typer(
    name="ingest",
    help="Bring text into Kafka: files, standard input, feeds or HTTP. The text is never changed.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Bootstrap = Annotated[str | None, typer.Option(help="Kafka's address, host:port; default: the settings'.")]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=PATH",
        help="Where a field of the event lies in a row, e.g. `text=$.headline`, `key=$.ticker`, `time=$.ts`, "
        "`id=$.id`, `entities=$.tickers[*].symbol`. Repeatable. Unmapped fields are guessed by name.",
    ),
]
Source = Annotated[
    str | None, typer.Option(help="Source of every event; default: the row's own, else the file's or feed's name.")
]
Timezone = Annotated[
    str | None, typer.Option(help="Zone of times without an offset, e.g. UTC; without it such rows are refused.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end, and nothing else there.")]
Refused = Annotated[Path | None, typer.Option(help="File that receives every refusal as a JSON line.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 if any row was refused.")]
Speed = Annotated[str, typer.Option(help="Replay by event time: `1x`, `60x` (an hour a minute), or `max`.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after so many events.")]
Skip = Annotated[int, typer.Option(min=0, help="Leave out the rows up to this line; an interrupted ingest names it.")]


@app.callback()
def root() -> None:
    """Bring text into Kafka: files, standard input, feeds or HTTP. The text is never changed."""


@app.command()
def file(
    paths: Annotated[list[Path], typer.Argument(help="JSON Lines, CSV, TSV or Parquet; gzip too.")],
    *,
    bootstrap: Bootstrap = None,
    mapping: Map = None,
    source: Source = None,
    speed: Speed = "max",
    limit: Limit = None,
    skip: Skip = 0,
    format_: Annotated[Format | None, typer.Option("--format", help="Default: by the name's ending.")] = None,
    timezone: Timezone = None,
    refused: Refused = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Publish the rows of files; prints how many Kafka acknowledged and why others were refused.

    Example: `bellwether ingest file news.jsonl.gz --map text=$.headline --map key=$.ticker --map time=$.ts --speed 60x`
    """
    if skip and len(paths) > 1:
        raise InputError(f"--skip {skip} with {len(paths)} files is ambiguous; resume them one by one")
    options = Options(bootstrap, refused, strict, as_json)
    row_mapping, pace_speed, zone = RowMapping.parse(mapping or []), parse_speed(speed), _zone(timezone)
    with Session(options) as session:
        pace = None if pace_speed is None else Pace(pace_speed, clock.monotonic, session.interrupt.sleep)
        for path in paths:
            left = None if limit is None else limit - session.sent
            if session.interrupt.is_set or (left is not None and left <= 0):
                break
            with opening.file(path, format_) as rows:
                session.ingest(rows, _builder(rows, row_mapping, source, zone), pace, Bounds(skip, left))


@app.command()
def stdin(
    *,
    bootstrap: Bootstrap = None,
    mapping: Map = None,
    source: Source = None,
    speed: Speed = "max",
    limit: Limit = None,
    skip: Skip = 0,
    format_: Annotated[Format, typer.Option("--format", help="What comes in; gzip is found out.")] = "jsonl",
    timezone: Timezone = None,
    refused: Refused = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Publish the rows of standard input, each as it comes.

    Example: `tail -f news.jsonl | bellwether ingest stdin --source wire`
    """
    row_mapping, pace_speed, zone = RowMapping.parse(mapping or []), parse_speed(speed), _zone(timezone)
    with (
        Session(Options(bootstrap, refused, strict, as_json)) as session,
        opening.standard_input(sys.stdin.buffer, format_) as rows,
    ):
        pace = None if pace_speed is None else Pace(pace_speed, clock.monotonic, session.interrupt.sleep)
        session.ingest(rows, _builder(rows, row_mapping, source, zone), pace, Bounds(skip, limit))


@app.command()
def rss(
    feeds: Annotated[list[str], typer.Argument(help="Addresses of RSS or Atom feeds.")],
    *,
    bootstrap: Bootstrap = None,
    mapping: Map = None,
    source: Source = None,
    interval: Annotated[float, typer.Option(min=1, help="Seconds between two polls of a feed.")] = 300.0,
    once: Annotated[bool, typer.Option("--once", help="Poll each feed once and end; exit 1 if one failed.")] = False,
    state: Annotated[
        Path | None, typer.Option(help="Folder that remembers feeds between polls; default: <home>/feeds.")
    ] = None,
    refused: Refused = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Publish new entries of feeds: unchanged feeds are not sent again, known entries are not published again.

    Example: `bellwether ingest rss https://example.org/feed.xml --once`
    """
    row_mapping = RowMapping.parse(mapping or [])
    with Session(Options(bootstrap, refused, strict, as_json)) as session:
        desk = Desk(state or session.settings.home / "feeds", session.publisher, session.report, interval)
        pollers = [
            FeedPoller(
                feed,
                ArticleBuilder(row_mapping, source=source or feed, is_source_forced=source is not None, now=clock.now),
                desk,
            )
            for feed in dict.fromkeys(feeds)
        ]
        asyncio.run(ingest_service.poll(pollers, once=once))


@app.command()
def http(
    *,
    bootstrap: Bootstrap = None,
    mapping: Map = None,
    source: Source = None,
    timezone: Timezone = None,
    http_host: Annotated[str | None, typer.Option(help="Address; loopback, because nobody is asked who he is.")] = None,
    http_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. The setting of that name is the worker's.")
    ] = 0,
    port_file: Annotated[Path | None, typer.Option(help="File that receives the port once it is open.")] = None,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds for Kafka to acknowledge; then 503.")] = 10.0,
    as_json: Json = False,
) -> None:
    """Take events by `POST /v1/articles`: an object, an array or JSON Lines; answers with ids once Kafka has them.

    Example: `bellwether ingest http --http-port 8080`
    """
    row_mapping, zone = RowMapping.parse(mapping or []), _zone(timezone)
    options = Options(bootstrap, None, False, as_json)
    with Session(options, http_host=http_host) as session:
        builder = ArticleBuilder(
            row_mapping, source=source or "http", is_source_forced=source is not None, zone=zone, now=clock.now
        )
        endpoint = IngestApp(session.publisher, builder, session.report, deadline_s=deadline)
        place = Place(session.settings.http_host, http_port, port_file)
        asyncio.run(ingest_service.serve(endpoint, place, session.say))


def _builder(rows: Rows, mapping: RowMapping, source: str | None, zone: tzinfo | None) -> ArticleBuilder:
    return ArticleBuilder(
        mapping, source=source or rows.name, is_source_forced=source is not None, zone=zone, now=clock.now
    )


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"--timezone {name!r} is no time zone; write UTC or a name like Europe/Berlin") from error
