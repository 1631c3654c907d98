"""Label Studio's JSON export as rows: one for each choice that an annotator made.

Source: Label Studio documentation, "Export annotations", JSON (tasks with `data` and `annotations`, whose `result`s of
type `choices` name the control in `from_name`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runtime.errors import InputError
from trainer.dataset import KNOWN_TASKS

Rows = Iterator[tuple[str, Mapping[str, Any] | InputError]]
"""Where each lies in the file, for messages, and the row or why it is none."""


def rows(path: Path) -> Rows:
    """All choices of all annotations, in their order; cancelled annotations are left out.

    Raises:
        InputError: the file is no such export.
    """
    try:
        tasks = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a file that can be read") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}; export as JSON, not as JSON-MIN or CSV") from error
    if not isinstance(tasks, list):
        raise InputError(f"{path} is no list of tasks; export as JSON, not as JSON-MIN or CSV")
    for number, task in enumerate(tasks, 1):
        yield from _of_task(task, f"task {number}")


def _of_task(task: Any, place: str) -> Rows:
    try:
        data, annotations = dict(task["data"]), list(task["annotations"])
    except (KeyError, TypeError, ValueError):
        yield place, InputError("it has no `data` and `annotations`")
        return
    for number, annotation in enumerate(annotations, 1):
        where = f"{place}, annotation {number}"
        try:
            if annotation.get("was_cancelled"):
                continue
            who, at, results = _annotator(annotation), annotation.get("created_at"), list(annotation["result"])
            chosen = [(one["from_name"], one["value"]["choices"]) for one in results if one.get("type") == "choices"]
        except (AttributeError, KeyError, TypeError):
            yield where, InputError("its `result` cannot be read")
            continue
        for control, choices in chosen:
            if len(choices) != 1:
                yield where, InputError(f"{control!r} has {len(choices)} choices, a label is one")
                continue
            named = {"task": control} if control in KNOWN_TASKS else {}
            yield where, {**data, "labeller": who, "labelled_at": at, "label": choices[0], **named}


def _annotator(annotation: Mapping[str, Any]) -> str | None:
    """The e-mail address, or the number, of who annotated."""
    who = annotation.get("completed_by")
    if isinstance(who, Mapping):
        who = who.get("email") or who.get("id")
    return None if who is None else str(who)
