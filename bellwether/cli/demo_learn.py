"""`bellwether demo --learn`: from a drift to a better model that serves, in a few minutes, on invented text."""

from __future__ import annotations

import tempfile
from pathlib import Path

from runtime import settings
from runtime.errors import PromiseError

RECIPE = "fast"


def learn(model: str, seed: int, plots: Path | None, as_json: bool) -> None:
    """Run the loop on the built-in stream and a desk's slang.

    Args:
        model: alias or version that serves at first.
        seed: of the texts.
        plots: folder for the picture; none is drawn without.
        as_json: one JSON object instead of lines.

    Raises:
        PromiseError: nobody was promoted.
    """
    from bellwether.cli.bench_loop import show
    from bellwether.cli.models import quiet_libraries
    from bellwether.loop import champion, material, run
    from bellwether.loop.screen import choose

    quiet_libraries()
    where = settings.load()
    with tempfile.TemporaryDirectory(prefix="bellwether-learn-") as work:
        shown = material.generated(Path(work), seed, material.Sizes())
        order = run.Order(
            material=shown,
            champion=champion.of_machine(where, model),
            recipe=RECIPE,
            cache=where.cache,
        )
        outcome = run.run(order, choose())
        show(outcome, f"{shown.name}: the running score", plots, as_json)
    if outcome.promoted is None:
        raise PromiseError(f"no version was promoted (verdict: {outcome.figures.verdict}); the lines above say why")
