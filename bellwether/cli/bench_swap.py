"""`bellwether bench swap`: versions that change under load, and what that costs."""

from __future__ import annotations

import json
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import PromiseError

if TYPE_CHECKING:
    from bellwether.bench.swap import Result


def swap(
    *,
    first: Annotated[str, typer.Option(help="Version that serves first; alias or name.")] = "accurate",
    second: Annotated[str, typer.Option(help="Version that it changes with.")] = "fast",
    swaps: Annotated[int, typer.Option(min=1, help="Swaps and rollbacks.")] = 100,
    every: Annotated[float, typer.Option(min=1.0, help="Seconds between two.")] = 5.0,
    steady: Annotated[float, typer.Option(min=20.0, help="Seconds of each version before, to compare with.")] = 60.0,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of each engine; 0: all.")] = 0,
    rate: Annotated[
        float | None,
        typer.Option(min=1.0, help="Events per second; 40 % of the measured capacity otherwise.", show_default=False),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the events; a new one by default.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 for a missed aim too; a busy machine misses them by itself.")
    ] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep logs and journals in this empty folder.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a picture of ages and memory here (PNG).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else.")] = False,
) -> None:
    """Swap versions again and again on a real Kafka under load; the bookkeeper counts what became of every event.

    Takes about 13 minutes. Exit code 1 where an event was lost, mixed or wrong, or a swap did not happen.

    Example: `bellwether bench swap --plot swaps.png`
    """
    from bellwether.bench import swap as bench
    from bellwether.bench import swap_picture
    from bellwether.chaos.screen import Screen

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that all that was started ends with us
    order = bench.Order(
        versions=(first, second),
        swaps=swaps,
        every_s=every,
        steady_s=steady,
        workers=workers,
        threads=threads,
        rate=rate,
        seed=secrets.randbelow(1_000_000) if seed is None else seed,
        keep=keep and keep.resolve(),
    )
    with Screen(1 if rate is not None else 2) as screen:
        result = bench.measure(order, screen)
    if plot is not None:
        swap_picture.save(result, plot)
    typer.echo(json.dumps(result.plain()) if as_json else _text(result))
    if result.failures:
        raise PromiseError(f"swaps under load (seed {order.seed}): {'; '.join(result.failures)}")
    if strict and (missed := result.plain()["aims_missed"]):
        raise PromiseError(f"aims missed: {', '.join(missed)} (seed {order.seed})")


def _text(result: Result) -> str:
    row, found = result.row, result.figures
    lines = [
        f"{found.swaps} swaps of {found.moves} moves at {result.rate:g} events/s"
        + (f" (capacity {result.capacity:.0f})" if result.capacity else ""),
        f"events {row.events:,}, lost {row.lost}, mixed {row.mixed}, wrong {row.wrong}, reordered {row.reordered}",
        f"age p50 {found.age_p50_steady_seconds:.3f} s, p99 {found.age_p99_steady_seconds:.3f} s steady, "
        f"{found.age_p99_swapping_seconds:.3f} s with swaps",
        f"from a move to the last event of the version before: median {found.settle_seconds[0]:.2f} s, "
        f"longest {found.settle_seconds[1]:.2f} s",
    ]
    if found.memory_ratio is None:
        lines.append("memory_ratio not measured: it takes 20 moves")
    for name, (is_, most) in result.aims().items():
        lines.append(f"{name} {is_:g}, at most {most:g}: {'met' if is_ <= most else 'MISSED'}")
    return "\n".join(lines)
