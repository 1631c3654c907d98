"""What every engine must do, in one suite: the real ones, the hosted one and the fakes all pass it.

    from models import checks
    for check in checks.ALL:
        check(engine)

Each check raises AssertionError with what it saw. Write a new engine, run the suite, and the worker will take it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.engine import Engine, Probabilities

TEXTS = (
    "Harbour Mills lifts its full-year forecast after a strong quarter",
    "$HBM slumps 12% as the regulator opens a probe",
    "flat",
    "Vertano and Osprey Lake agree to merge in an all-share deal worth $2.3bn, subject to shareholders' votes in March",
    "央行维持利率不变",
    "Kestrel Foods names a new finance chief 🚀",
)
"""Cleaned texts of varied length, script and direction; invented companies."""

SAME_PROBABILITY = 0.01
"""How far a probability may move with a text's batch mates: other shapes sum in another order, and bf16 or static int8
may then round an activation to the next step. On 64 real posts that moved one by up to 0.008, dynamic int8 by 0.21."""


def names_itself(engine: Engine) -> None:
    """Name, version and cleaning are set, and every task has at least two different labels under its own name."""
    assert engine.name, "engine.name is empty; a scored event must name its engine"
    assert engine.version, "engine.version is empty; a scored event must name its version"
    assert engine.cleaning, "engine.cleaning is empty; the worker must know which cleaner the model expects"
    assert engine.tasks, "engine.tasks is empty"
    for key, task in engine.tasks.items():
        assert key == task.name, f"task {task.name!r} stands under {key!r}"
        assert len(set(task.labels)) == len(task.labels) >= 2, f"labels of {key!r}: {task.labels}"
        assert 0.0 <= task.abstain_below <= 1.0, f"{key!r} abstains below {task.abstain_below}"


def gives_a_distribution_per_text_and_task(engine: Engine) -> None:
    """Each task has float32 [texts, classes], finite, within 0 and 1, rows summing to 1."""
    scores = engine.score(TEXTS)
    assert set(scores) == set(engine.tasks), f"scored {sorted(scores)}, promised {sorted(engine.tasks)}"
    for name, rows in scores.items():
        assert rows.dtype == np.float32, f"{name}: {rows.dtype}"
        assert rows.shape == (len(TEXTS), len(engine.tasks[name].labels)), f"{name}: shape {rows.shape}"
        assert np.isfinite(rows).all(), f"{name}: not finite"
        assert ((rows >= 0) & (rows <= 1)).all(), f"{name}: outside 0..1"
        off = float(np.abs(rows.sum(axis=1) - 1).max())
        assert off < 1e-4, f"{name}: a row's sum is off by {off}"


def keeps_the_order_of_the_texts(engine: Engine) -> None:
    """Reversed texts give reversed rows: sorting by length inside must not leak out."""
    forward, backward = engine.score(TEXTS), engine.score(TEXTS[::-1])
    for name in engine.tasks:
        _same(forward[name], backward[name][::-1], f"{name}: forward and backward differ")


def ignores_batch_mates(engine: Engine) -> None:
    """A text alone scores as it does among others: padding is masked and no scale depends on the batch."""
    together = engine.score([*TEXTS, TEXTS[3] * 3])
    for position, text in enumerate(TEXTS):
        alone = engine.score([text])
        for name in engine.tasks:
            _same(together[name][position], alone[name][0], f"{name} of {text!r} depends on its batch mates")


def repeats_itself(engine: Engine) -> None:
    """The same call gives the same bits: a repeat after a crash must not change an event."""
    first, second = engine.score(TEXTS), engine.score(TEXTS)
    for name in engine.tasks:
        assert np.array_equal(first[name], second[name]), f"{name}: two equal calls differ"


def takes_an_empty_batch(engine: Engine) -> None:
    """No texts give [0, classes] and no error."""
    for name, rows in engine.score([]).items():
        assert rows.shape == (0, len(engine.tasks[name].labels)), f"{name}: shape {rows.shape}"


def survives_a_text_without_end(engine: Engine) -> None:
    """One token of 100,000 characters and a text of 20,000 words are truncated, not refused."""
    scores = engine.score(["x" * 100_000, "profit " * 20_000, "flat"])
    for name in engine.tasks:
        assert scores[name].shape[0] == 3, f"{name}: {scores[name].shape}"


def counts_tokens(engine: Engine) -> None:
    """Counts are positive, grow with the text, and the bound of truncation holds for the longest."""
    counts = engine.token_counts([*TEXTS, "profit " * 5_000, "profit " * 10_000])
    assert len(counts) == len(TEXTS) + 2, f"{len(counts)} counts for {len(TEXTS) + 2} texts"
    assert min(counts) >= 1, f"a text of {min(counts)} tokens"
    assert counts[2] < counts[3], f"{TEXTS[2]!r} has {counts[2]} tokens, {TEXTS[3]!r} {counts[3]}"
    assert counts[-1] == counts[-2], f"truncated texts of {counts[-2:]} tokens"
    assert engine.token_counts([]) == [], "no texts have counts"


def reports_its_call(engine: Engine) -> None:
    """The report of a call holds no negative time and at least as many padded tokens as tokens."""
    engine.score(TEXTS)
    call = engine.last_call
    assert call.tokenise_s >= 0, f"tokenised in {call.tokenise_s} s"
    assert call.predict_s >= 0, f"predicted in {call.predict_s} s"
    assert call.padded_tokens >= call.tokens >= 0, f"{call.tokens} tokens padded to {call.padded_tokens}"


def closes_twice(engine: Engine) -> None:
    """A second close does nothing. Runs last."""
    engine.close()
    engine.close()


Check = Callable[[Engine], None]

ALL: tuple[Check, ...] = (
    names_itself,
    gives_a_distribution_per_text_and_task,
    keeps_the_order_of_the_texts,
    ignores_batch_mates,
    repeats_itself,
    takes_an_empty_batch,
    survives_a_text_without_end,
    counts_tokens,
    reports_its_call,
    closes_twice,
)
"""In the order to run them on one engine: `closes_twice` is the last."""


def _same(one: Probabilities, other: Probabilities, complaint: str) -> None:
    off = float(np.abs(one - other).max())
    assert off <= SAME_PROBABILITY, f"{complaint} by {off:.4f}, at most {SAME_PROBABILITY} is rounding"
