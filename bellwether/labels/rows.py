"""A row of a file as a label: which fields it may have, what is taken for those that it lacks, and why it is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from models.text import clean, fingerprint
from runtime.errors import InputError
from trainer.dataset import KNOWN_TASKS, spelt
from wire import ids
from wire.events import LabelSubmitted

FIELDS = LabelSubmitted.__struct_fields__


@dataclass(frozen=True)
class Defaults:
    """For what a row does not say.

    Attributes:
        labeller: who labelled it; None where each row has to say so.
        at: when; None where each row has to say so.
    """

    labeller: str | None = None
    at: datetime | None = None


def label_of(row: Mapping[str, Any], defaults: Defaults) -> LabelSubmitted:
    """The label that a row holds, in fields named as `LabelSubmitted`'s; others are left alone.

    A row without `event_id` is identified by its text, so that the same text labelled twice is one event. A row without
    `task` belongs to the task that has its label. Upper and lower case of a known task's label do not matter.

    Raises:
        InputError: it lacks what cannot be guessed, or holds what is none.
    """
    fields = {name: value for name in FIELDS if (value := row.get(name)) is not None and value != ""}
    if "label" not in fields:
        raise InputError("it has no `label`")
    if isinstance(shares := fields.get("probabilities"), str):  # a CSV's cell
        try:
            fields["probabilities"] = msgspec.json.decode(shares)
        except msgspec.DecodeError as error:
            raise InputError(f"its `probabilities` are no JSON object: {error}") from error
    text = fields.get("text")
    if "event_id" not in fields and isinstance(text, str) and clean(text):
        fields["event_id"] = ids.from_native("text", fingerprint(clean(text)))
    if "task" not in fields:
        fields["task"] = _task_of(str(fields["label"]))
    if defaults.labeller is not None:
        fields.setdefault("labeller", defaults.labeller)
    if defaults.at is not None:
        fields.setdefault("labelled_at", defaults.at)
    try:
        label = msgspec.convert(fields, LabelSubmitted, strict=False)  # a CSV's numbers are strings
    except msgspec.ValidationError as error:
        raise InputError(f"it is no label: {error}") from error
    name = spelt(label.label, label.task)
    if name is None:
        raise InputError(f"{label.label!r} is no label of {label.task!r}; it has {', '.join(KNOWN_TASKS[label.task])}")
    return label if name == label.label else msgspec.structs.replace(label, label=name)


def _task_of(label: str) -> str:
    for task in KNOWN_TASKS:
        if spelt(label, task) is not None:
            return task
    raise InputError(f"it names no task, and {label!r} is no label of {' or '.join(KNOWN_TASKS)}; add a field `task`")
