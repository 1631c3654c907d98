"""Draws the board in a terminal with rich."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bellwether.demo.board import SENTIMENTS, Board, Headline, Shares, busiest

COLOURS = {"negative": "red3", "neutral": "grey50", "positive": "green3"}
_BAR_CELLS = 24
_NARROW_BAR_CELLS = 8
_WIDE = 110
"""Columns from which the full bars fit side by side."""
_FIXED_LINES = 13
"""Lines taken by the head, the frames and the table's headings; what is left is divided."""
_MIN_ROWS = 4
_SECONDS_A_MINUTE = 60


@dataclass
class Stage:
    """What the view tells about the run beside the board's figures."""

    title: str
    """What is going on now, in a few words."""
    facts: dict[str, str] = field(default_factory=dict)
    """Short name to value: broker, worker pid, model."""
    started_s: float = 0.0


def draw(board: Board, stage: Stage, *, now_s: float, width: int = 120, height: int = 40) -> RenderableType:
    """One frame.

    Args:
        board: the figures.
        stage: what is going on.
        now_s: of the clock that `Stage.started_s` was read from.
        width: columns of the terminal.
        height: lines of the terminal.
    """
    cells = _BAR_CELLS if width >= _WIDE else _NARROW_BAR_CELLS
    rows = max(_MIN_ROWS, (height - _FIXED_LINES) // 2)
    return Group(
        _head(board, stage, now_s),
        _side_by_side(_shares("topic", board.topics, rows, cells), _shares("entity", board.entities, rows, cells)),
        _headlines(list(board.headlines)[-rows:]),
    )


def eta(board: Board, elapsed_s: float) -> str:
    """Time left at the pace so far, `m:ss`; a dash before the first event.

    >>> board = Board(expected=100, clock=lambda: 0.0)
    >>> board.scored = 50
    >>> eta(board, 30.0)
    '0:30'
    """
    if not board.done or not board.expected:
        return "–"
    left = max(0.0, elapsed_s * (board.expected - board.done) / board.done)
    return f"{int(left) // _SECONDS_A_MINUTE}:{int(left) % _SECONDS_A_MINUTE:02d}"


def line(board: Board, stage: Stage, *, now_s: float) -> str:
    """The same in one plain line, for where there is no terminal."""
    elapsed = now_s - stage.started_s
    return (
        f"{stage.title}: {board.done}/{board.expected} events, {board.rate:.0f}/s, lag {board.lag}, "
        f"age p50 {_seconds(board.age_p50_s.get())} p95 {_seconds(board.age_p95_s.get())}, "
        f"{elapsed:.0f} s, left {eta(board, elapsed)}"
    )


def _head(board: Board, stage: Stage, now_s: float) -> Panel:
    elapsed = now_s - stage.started_s
    progress = Table.grid(expand=True, padding=(0, 1))
    progress.add_column(ratio=1)
    progress.add_column(justify="right", no_wrap=True)
    bar = ProgressBar(total=max(board.expected, 1), completed=board.done, complete_style="deep_sky_blue1")
    done = f"{board.done:,} of {board.expected:,}".replace(",", "\N{NO-BREAK SPACE}")
    progress.add_row(bar, f"{done}, {elapsed:.0f} s, left {eta(board, elapsed)}")
    figures = Text.assemble(
        *_figure("rate", f"{board.rate:.0f}/s"),
        *_figure("lag", str(board.lag)),
        *_figure("event age p50", _seconds(board.age_p50_s.get())),
        *_figure("p95", _seconds(board.age_p95_s.get())),
        *_figure("dead", str(board.dead)),
        *_figure("repeats", str(board.repeats)),
        *_figure("event time", f"{board.event_time:%a %d %b %Y %H:%M}" if board.event_time else "–"),
    )
    facts = dict(stage.facts)
    if board.served_by is not None:
        facts["version"], facts["engine"] = board.served_by
    told = Text.assemble(*(part for name, value in facts.items() for part in _figure(name, value, style="cyan")))
    return Panel(Group(progress, figures, told), title=f"[bold]Bellwether[/] · {stage.title}", box=box.ROUNDED)


def _figure(name: str, value: str, style: str = "bold") -> tuple[tuple[str, str], ...]:
    return ((f"{name} ", "dim"), (value, style), ("   ", ""))


def _side_by_side(left: Table, right: Table) -> Table:
    grid = Table.grid(expand=True, padding=(0, 2))
    grid.add_column(ratio=3)
    grid.add_column(ratio=2)
    grid.add_row(left, right)
    return grid


def _shares(what: str, shares: dict[str, Shares], rows: int, cells: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    table.add_column(what, no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("texts", justify="right")
    title = "negative · neutral · positive" if cells == _BAR_CELLS else "neg neu pos"
    table.add_column(title, no_wrap=True, width=cells + 5)
    for name, share in busiest(shares, rows):
        table.add_row(Text(name), str(share.texts), share_bar(share.now, cells))
    for _ in range(rows - len(shares)):
        table.add_row("", "", "")
    return table


def share_bar(shares: dict[str, float], cells: int = _BAR_CELLS) -> Text:
    """A bar of one colour per sentiment, and the negative part in per cent.

    >>> share_bar({"negative": 0.25, "neutral": 0.5, "positive": 0.25}, cells=4).plain
    '████  25%'
    """
    bar = Text()
    filled = 0
    total = 0.0
    for sentiment in SENTIMENTS:
        total += shares[sentiment]
        end = round(cells * total)
        bar.append("█" * (end - filled), style=COLOURS[sentiment])
        filled = end
    bar.append(f" {shares['negative']:>4.0%}", style="dim")
    return bar


def _headlines(headlines: list[Headline]) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True, width=9)
    table.add_column(no_wrap=True, width=4, justify="right")
    table.add_column(no_wrap=True, width=22, overflow="ellipsis", style="dim")
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for headline in reversed(headlines):
        table.add_row(
            Text(headline.sentiment, style=COLOURS.get(headline.sentiment, "")),
            f"{headline.confidence:.0%}",
            Text(headline.topic),
            Text(" ".join(headline.text.split())),
        )
    return Panel(table, title="just scored", box=box.ROUNDED)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"
