"""Which versions a worker does not try again, and when it tries one again that could not be had. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
"""Between tries to bring a version that a store or a disk refused: each may be a download of 100 MiB."""


@dataclass
class _Try:
    move: int
    reason: str
    pause_s: float = 0.0
    again_at: float | None = None
    """None: not before it is named anew."""
    loads: int = 0


class Refusals:
    """Versions that did not serve here, each told once.

    The move of the pointer that named a version is a person's or a gate's word: whom it names anew is tried once more,
    and a move of something else changes nothing. `move` is its generation everywhere here; a version that loses a place
    has an older one for the places that it keeps, which names nobody anew.
    """

    def __init__(self) -> None:
        self._tries: dict[str, _Try] = {}

    def reasons(self) -> dict[str, str]:
        """Version to why it does not serve here."""
        return {version: found.reason for version, found in self._tries.items()}

    def may_try(self, version: str, move: int, now_s: float) -> bool:
        """Whether to load a version that this move named."""
        found = self._tries.get(version)
        if found is None or found.move < move:
            return True
        return found.again_at is not None and now_s >= found.again_at

    def refused(self, version: str, move: int, reason: str) -> None:
        """It is bad: not again before it is named anew."""
        self._tries[version] = _Try(move, reason)

    def not_had(self, version: str, move: int, reason: str, now_s: float, *, is_load: bool = False) -> bool:
        """It could not be brought here or loaded, and will be tried again after a growing pause; whether this is news.

        Args:
            version: of the pointer.
            move: that named it.
            reason: in a sentence.
            now_s: the time, by the clock of `may_try`.
            is_load: it was here, and its engine did not come up.
        """
        before = self._tries.get(version)
        is_same = before is not None and before.move >= move and before.again_at is not None
        pause_s = min(LONGEST_PAUSE_S, 2 * before.pause_s) if before is not None and is_same else FIRST_PAUSE_S
        loads = (before.loads if before is not None and is_same else 0) + int(is_load)
        self._tries[version] = _Try(move, reason, pause_s, now_s + pause_s, loads)
        return not is_same

    def loads(self, version: str, move: int) -> int:
        """How often it was loaded in vain since it was named, this time included."""
        found = self._tries.get(version)
        return 1 if found is None or found.move < move else found.loads + 1

    def came(self, version: str) -> None:
        """It is here and warm."""
        self._tries.pop(version, None)
