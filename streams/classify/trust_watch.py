"""Sees to it that a version whose key was revoked while it served serves no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from models import keys, manifest, registry
from runtime import log
from runtime.errors import CorruptVersionError, InputError, VersionNotFoundError
from runtime.settings import Settings
from streams.classify.slot import Slot

LOOK_S = 2.0
"""Between looks at the trust file: its few hundred bytes are read, nothing else, while it does not change."""

_log = log.get(__name__)


class TrustWatch:
    """Holds what serves against the trust file, whenever that changes.

    Args:
        settings: where the trust file and versions are.
        slot: knows who serves.
        sleep: waits between looks.
    """

    def __init__(
        self, settings: Settings, slot: Slot, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._settings = settings
        self._trust = settings.keys_folder / keys.TRUST_FILE
        self._slot = slot
        self._sleep = sleep

    async def run(self) -> None:
        """Look until cancelled.

        Raises:
            CorruptVersionError: the champion's key is trusted no more; its engine must not score another batch.
        """
        before: tuple[bytes | None, str, str | None] | None = None
        while True:
            content = self._content()
            if content is None and before is not None and before[0] is not None:
                await self._sleep(LOOK_S)  # somebody may just be writing it anew
                content = self._content()
            # Who serves counts too: a key may be revoked while a version is loaded, after it was verified.
            now = (content, self._slot.serving.version, self._slot.canary)
            if now != before:
                await self.look()
                before = now
            await self._sleep(LOOK_S)

    async def look(self) -> None:
        """Check the signatures of all that serve now; a canary whose key is gone is put aside.

        Raises:
            CorruptVersionError: the champion's key is trusted no more.
        """
        for version in filter(None, (self._slot.canary, self._slot.serving.version)):
            folder = self._folder(version)
            if folder is None:
                if registry.is_name(version):
                    _log.warning("trust_not_checked", version=version, cause="its folder is no longer here")
                continue
            try:
                manifest.signed(folder, self._trust)
            except InputError as error:  # half a line of somebody's editor ends no worker
                _log.warning("trust_not_read", detail=str(error))
            except CorruptVersionError as error:
                if version == self._slot.serving.version:
                    raise
                await self._slot.distrust(version, error)

    def _content(self) -> bytes | None:
        """None where there is no such file."""
        try:
            return self._trust.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            return str(error).encode()

    def _folder(self, version: str) -> Path | None:
        """Where a version was loaded from; None for what is no version, such as `noop`."""
        for name in (version, self._settings.model):
            try:
                return registry.resolve(name, self._settings.registry_folder)
            except VersionNotFoundError:
                continue
        return None
