"""What is thought of each labeller, from the label topic alone, for a person and for a script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime

from rich.table import Table

from trainer.labels.admission import Admission, Standing, admit
from trainer.labels.gold import questions
from trainer.labels.policy import Policy
from trainer.labels.recognised import recognised
from wire.events import LabelSubmitted


def found(labels: Iterable[LabelSubmitted], policy: Policy, now: datetime) -> Admission:
    """All labels as one batch, with the policy's gold questions; those that no training knows are refused."""
    everything, unknown = recognised(labels)
    admission = admit(everything, policy, questions(everything, policy), now)
    return replace(admission, refused=admission.refused + unknown)


def as_json(admission: Admission, unreadable: int) -> dict[str, object]:
    """One object; `agreement` with gold is null where nobody asked, `unreadable` are records that are no labels."""
    return {
        "labellers": {
            name: {**asdict(one), "agreement": _agreement(one)} for name, one in sorted(admission.standings.items())
        },
        "subjects": len(admission.kept),
        "refused": dict(sorted(admission.refused.items())),
        "outdated": admission.outdated,
        "unreadable": unreadable,
    }


def as_table(admission: Admission, unreadable: int) -> Table:
    """One line a labeller, those of whom nothing is learnt last; over it what became of all."""
    refused = ", ".join(f"{count:,} {reason}" for reason, count in sorted(admission.refused.items())) or "none"
    title = f"{len(admission.kept):,} labels count, {admission.outdated:,} outdated; refused: {refused}"
    if unreadable:
        title += f"; {unreadable:,} records are no labels"
    table = Table("labeller", "labels", "count", "gold", "agreement", "weight", "quarantine", title=title)
    for name, one in sorted(admission.standings.items(), key=lambda item: (-item[1].weight, item[0])):
        agreement = _agreement(one)
        table.add_row(
            name,
            f"{one.labels:,}",
            f"{one.kept:,}",
            f"{one.right} of {one.asked}" if one.asked else "",
            "" if agreement is None else f"{agreement:.0%}",
            "trusted" if one.is_exempt else f"{one.weight:.2f}",
            one.quarantine or "",
        )
    return table


def _agreement(one: Standing) -> float | None:
    return one.right / one.asked if one.asked else None
