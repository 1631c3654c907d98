"""What the demo says at its end: the independent count first, then speed and agreement with the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from bellwether.demo.count import Tally
from bellwether.demo.quality import Agreement


@dataclass(frozen=True)
class Killed:
    """A process that the demo killed on purpose."""

    what: str
    pid: int
    after_events: int


@dataclass(frozen=True)
class Summary:
    """Everything worth telling about one run."""

    source: str
    tally: Tally
    seconds: float
    """From the start of the replay to the last output."""
    refused: int
    """Rows that ingest did not take; they never became events."""
    age_p50_s: float | None
    age_p95_s: float | None
    restarts: int
    """How often the demo itself had to start the worker command again."""
    killed: tuple[Killed, ...] = ()
    agreement: Mapping[str, Agreement] = field(default_factory=dict)
    plot: str | None = None

    @property
    def events_per_second(self) -> float:
        """Outputs per second of the replay, pauses of its pace included."""
        return (self.tally.scored + self.tally.dead) / self.seconds if self.seconds > 0 else 0.0

    def as_json(self) -> dict[str, object]:
        """One flat object; see the README for its keys."""
        tally = self.tally
        return {
            "events": tally.events,
            "scored": tally.scored,
            "dead": tally.dead,
            "lost": tally.lost,
            "duplicates": tally.duplicates,
            "seconds": round(self.seconds, 2),
            "events_per_second": round(self.events_per_second, 1),
            "repeats": tally.repeats,
            "phantoms": tally.phantoms,
            "misplaced": tally.misplaced,
            "mixed_batches": tally.mixed_batches,
            "producer_repeats": tally.producer_repeats,
            "refused": self.refused,
            "event_age_p50_s": _rounded(self.age_p50_s),
            "event_age_p95_s": _rounded(self.age_p95_s),
            "served_by": dict(tally.served_by),
            "killed": [asdict(one) for one in self.killed],
            "restarts": self.restarts,
            "agreement": {task: _plain(score) for task, score in self.agreement.items()},
            "source": self.source,
            "plot": self.plot,
        }

    def draw(self) -> RenderableType:
        """The same as a table for a person."""
        table = Table(box=box.ROUNDED, show_header=False, title=f"Bellwether demo: {escape(self.source)}")
        table.add_column(style="dim")
        table.add_column()
        for name, value in self._rows():
            table.add_row(name, value)
        return table

    def _rows(self) -> list[tuple[str, str]]:
        tally = self.tally
        verdict = "[bold green]kept[/]" if not tally.broken else "[bold red]broken[/]: " + "; ".join(tally.broken)
        served_by = [f"{escape(name)} ({count:,})" for name, count in tally.served_by.items()]
        rows = [
            ("events in", f"{tally.events:,}"),
            ("scored + dead", f"{tally.scored:,} + {tally.dead:,} = {tally.scored + tally.dead:,}"),
            ("lost", str(tally.lost)),
            ("duplicates", f"{tally.duplicates} (a reader's rule dropped {tally.repeats} repeats)"),
            ("phantoms", str(tally.phantoms)),
            ("time", f"{self.seconds:.1f} s, {self.events_per_second:,.0f} events/s"),
            ("event age", f"p50 {_seconds(self.age_p50_s)}, p95 {_seconds(self.age_p95_s)}"),
            ("scored by", ", ".join(served_by) or "nobody"),
        ]
        for one in self.killed:
            rows.append(("killed", f"{one.what} process {one.pid} (SIGKILL) after {one.after_events:,} events"))
        if self.refused:
            rows.append(("refused by ingest", f"{self.refused:,} rows"))
        for task, score in self.agreement.items():
            rows.append((f"{task} against truth", f"accuracy {score.accuracy:.3f}, macro-F1 {score.macro_f1:.3f}"))
        if self.plot:
            rows.append(("picture", escape(self.plot)))
        rows.append(("promises", verdict))
        return rows


def _plain(score: Agreement) -> dict[str, float]:
    return {"n": score.n, "accuracy": round(score.accuracy, 4), "macro_f1": round(score.macro_f1, 4)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"
