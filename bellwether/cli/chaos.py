"""`bellwether chaos`: break the line on purpose, and let an independent bookkeeper count."""

from __future__ import annotations

import json
import platform
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from runtime import clock
from runtime.errors import BellwetherError, InputError, PromiseError

if TYPE_CHECKING:
    from bellwether.chaos.broken import Caught
    from bellwether.chaos.judge import Row
    from bellwether.chaos.scenario import Scenario

app = typer.Typer(help="Break the line on purpose; an independent bookkeeper counts.", no_args_is_help=True)

Events = Annotated[int | None, typer.Option(min=100, help="Events of each row instead of its own number.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of all that is random; by default a new one, which is printed.")]
Times = Annotated[
    bool, typer.Option("--times", help="Judge standstill and recovery too; a busy machine breaks them by itself.")
]
Build = Annotated[Path | None, typer.Option(help="Judge the workers of another source tree, for example a broken one.")]
Keep = Annotated[Path | None, typer.Option(help="Keep each row's logs and journals in this folder.")]
Report = Annotated[
    Path | None,
    typer.Option(help="Write the table into this document, between its marks; `run` replaces its own rows only."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")]


@app.callback()
def chaos() -> None:
    """Break the line on purpose on a real Kafka; an independent bookkeeper counts what became of every event."""


@app.command(name="list")
def show(*, as_json: AsJson = False) -> None:
    """The scenarios: what goes wrong in each.

    Example: `bellwether chaos list`
    """
    from bellwether.chaos import scenario

    book = scenario.load()
    if as_json:
        rows = [
            {"name": row.name, "about": row.about, "model": row.model, "events": row.events} for row in book.scenarios
        ]
        groups = {name: list(members) for name, members in book.groups.items()}
        typer.echo(json.dumps({"scenarios": rows, "groups": groups}, indent=1))
        return
    width = max(len(row.name) for row in book.scenarios)
    for row in book.scenarios:
        typer.echo(f"{row.name:{width}}  {row.about} ({row.events:,} events, {row.model})")
    for name, members in book.groups.items():
        typer.echo(f"\ngroup {name}: {' '.join(members)}")


@app.command()
def run(
    names: Annotated[list[str], typer.Argument(help="Scenarios or groups, see `bellwether chaos list`.")],
    *,
    events: Events = None,
    seed: Seed = None,
    times: Times = False,
    build: Build = None,
    keep: Keep = None,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Run some scenarios and print their table; exit code 1 where a promise is broken.

    Example: `bellwether chaos run kill-worker kill-broker --events 5000`
    """
    from bellwether.chaos import scenario

    _run(
        scenario.load().choose(names),
        events=events,
        seed=seed,
        times=times,
        build=build,
        keep=keep,
        report=report,
        as_json=as_json,
    )


@app.command(name="all")
def every(
    *,
    events: Events = None,
    seed: Seed = None,
    times: Times = False,
    build: Build = None,
    keep: Keep = None,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Run every scenario, which takes most of an hour; `make chaos` does this with `--times`.

    Example: `bellwether chaos all --json > chaos.json`
    """
    from bellwether.chaos import scenario

    _run(
        scenario.load().choose(["all"]),
        events=events,
        seed=seed,
        times=times,
        build=build,
        keep=keep,
        report=report,
        as_json=as_json,
        is_whole=True,
    )


@app.command()
def broken(
    names: Annotated[list[str] | None, typer.Argument(help="Builds; all by default.", metavar="NAME...")] = None,
    *,
    seed: Seed = None,
    keep: Keep = None,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Run builds that are broken on purpose; exit code 1 where one is not found out, or the control is not clean.

    Example: `bellwether chaos broken`, or `bellwether chaos broken ack-before-produce`
    """
    import msgspec
    from rich.console import Console

    from bellwether.chaos import broken as builds
    from bellwether.chaos import report as reports
    from bellwether.chaos.screen import Screen

    if report is not None:
        if names:
            raise InputError("a report tells of all broken builds; leave out --report or the names")
        reports.check(report, reports.BROKEN)
    signal.signal(signal.SIGTERM, _end)
    chosen = _seed(seed)
    known = builds.choose(names or [])
    found: list[Caught] = []

    def tell(early: str) -> None:
        if as_json:
            typer.echo(json.dumps({"seed": chosen, "builds": msgspec.to_builtins(found)}, indent=1))
        else:
            Console(width=None if sys.stdout.isatty() else 160).print(reports.caught_table(found, chosen))
        if report is not None:
            reports.write(report, reports.BROKEN, reports.caught_markdown(found), f"seed {chosen}{early}")

    with _told(found, len(known), tell), Screen(len(known)) as screen:
        for one in builds.run(known, chosen, screen, keep and keep.resolve()):
            found.append(one)
    if missed := [one.name for one in found if not one.caught and not one.control]:
        raise PromiseError(
            f"the bookkeeper did not find out {', '.join(missed)} (seed {chosen}): its zeros mean nothing"
        )
    if unclean := [f"{one.name}: {'; '.join(one.row.failures)}" for one in found if not one.caught]:
        raise PromiseError(f"a build that keeps every promise did not pass (seed {chosen}): {', '.join(unclean)}")


def _seed(given: int | None) -> int:
    seed = secrets.randbelow(1_000_000) if given is None else given
    print(f"seed {seed}", file=sys.stderr, flush=True)
    return seed


def _run(
    scenarios: list[Scenario],
    *,
    events: int | None,
    seed: int | None,
    times: bool,
    build: Path | None,
    keep: Path | None,
    report: Path | None,
    as_json: bool,
    is_whole: bool = False,
) -> None:
    from rich.console import Console

    from bellwether.chaos import report as reports
    from bellwether.chaos.judge import broken
    from bellwether.chaos.run import Order
    from bellwether.chaos.run import run as run_rows
    from bellwether.chaos.screen import Screen

    if report is not None:
        reports.check(report, reports.ROWS)
    signal.signal(signal.SIGTERM, _end)
    chosen = _seed(seed)
    order = Order(scenarios, chosen, events, times, build and build.resolve(), keep and keep.resolve())
    rows: list[Row] = []

    def tell(early: str) -> None:
        if as_json:
            typer.echo(reports.as_json(rows, chosen, is_complete=not early))
        else:
            Console(width=None if sys.stdout.isatty() else 240).print(reports.as_table(rows, chosen))
        if report is not None:
            minutes = sum(row.seconds for row in rows) / 60
            head = f"{clock.now():%Y-%m-%d}, seed {chosen}, {_machine()}, {minutes:.0f} minutes{early}."
            if is_whole:
                reports.write(report, reports.ROWS, reports.as_markdown(rows), head)
            else:
                reports.update(report, rows, head)

    with _told(rows, len(scenarios), tell), Screen(len(scenarios)) as screen:
        for row in run_rows(order, screen):
            rows.append(row)
    if failed := broken(rows):
        sentences = "; ".join(f"{row.name}: {', '.join(row.failures)}" for row in failed)
        raise PromiseError(f"{len(failed)} of {len(rows)} rows are broken (seed {chosen}): {sentences}")


@contextmanager
def _told(judged: Sized, wanted: int, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell what was judged, also where an error or a signal ends the run early: it took its time.

    Args:
        judged: grows meanwhile.
        wanted: how many there are in the end.
        tell: is given a remark where that is not the end; it hides no error.
    """
    try:
        yield
    except BaseException:
        early = f", ended early: {len(judged)} of {wanted}"
        if len(judged):
            print(early.removeprefix(", "), file=sys.stderr, flush=True)
            with suppress(BellwetherError, OSError):
                tell(early)
        raise
    tell("")


def _machine() -> str:
    import psutil

    memory = psutil.virtual_memory().total / 1024**3
    return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def _end(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)  # unwinds: everything that was started is ended
