"""Where a trainer finds and leaves things, and what it was told to learn by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models import keys


@dataclass(frozen=True)
class Place:
    """Plain, so that a run's process gets a copy.

    Attributes:
        registry: folder of this machine's versions.
        keys: folder of the signing key.
        cache: the project's cache folder.
        store: where machines share versions.
        recipe: a TOML file or the name of one that ships.
        base: labelled files of what the champion knows: learnt from again, and the gate's old domain.
        golden: labelled file that only the gate sees; without one nothing is better than `same`.
        rare: labelled file of rare classes, likewise.
        limits: TOML file of the gate's numbers; its defaults where None.
        threads: processor threads of a run; 0 = all cores.
    """

    registry: Path
    keys: Path
    cache: Path
    store: str
    recipe: str
    base: tuple[Path, ...] = ()
    golden: Path | None = None
    rare: Path | None = None
    limits: Path | None = None
    threads: int = 0

    @property
    def trust(self) -> Path:
        """File of the keys that count."""
        return self.keys / keys.TRUST_FILE
