"""A key that is revoked while its version serves; the version, the keys and the trust file are real."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from models import keys
from models.manifest import MANIFEST, SIGNATURE
from runtime import settings
from runtime.errors import CorruptVersionError
from streams.classify.trust_watch import TrustWatch

A, B = "v-aaaaaaaaaa", "v-bbbbbbbbbb"


class World:
    def __init__(self, home) -> None:
        self.settings = settings.load().model_copy(update={"home": home, "model": "champion"})
        self.trust = self.settings.keys_folder / keys.TRUST_FILE
        self.ids = {version: self.sign(version) for version in (A, B)}
        self.distrusted: list[tuple[str, str]] = []
        self.slot = SimpleNamespace(
            serving=SimpleNamespace(version=A), canary=None,
            distrust=self.distrust,
        )  # fmt: skip
        self.looks = 0
        self.between = lambda: None
        self.watch = TrustWatch(self.settings, self.slot, self.sleep)  # type: ignore[arg-type]

    async def distrust(self, version: str, error: Exception) -> None:
        self.distrusted.append((version, str(error)))

    def sign(self, version: str) -> str:
        folder = self.settings.registry_folder / version
        folder.mkdir(parents=True)
        own = self.settings.home / "of" / version
        key = keys.ensure(own)
        if not any(known.id == key.id for known in keys.trusted(self.trust)):
            keys.trust(self.trust, key)
        (folder / MANIFEST).write_bytes(b"{}")
        (folder / SIGNATURE).write_bytes(keys.sign(own, b"{}"))
        return key.id

    async def sleep(self, _: float) -> None:
        self.looks += 1
        if self.looks > 3:
            raise asyncio.CancelledError
        self.between()


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


async def run(world: World) -> None:
    with pytest.raises(asyncio.CancelledError):
        await world.watch.run()


async def test_a_champion_whose_key_is_revoked_ends_the_worker(world) -> None:
    world.between = lambda: keys.revoke(world.trust, world.ids[A])
    with pytest.raises(CorruptVersionError, match=r"is signed by key [0-9a-f]{16}, which .* has revoked"):
        await world.watch.run()
    assert world.looks == 1


async def test_a_key_that_was_revoked_while_the_champion_was_loaded_counts_too(world) -> None:
    keys.revoke(world.trust, world.ids[A])
    with pytest.raises(CorruptVersionError, match="has revoked"):
        await world.watch.run()


async def test_a_canary_whose_key_is_revoked_is_put_aside_and_the_champion_serves_on(world) -> None:
    world.slot.canary = B
    world.between = lambda: keys.revoke(world.trust, world.ids[B]) if world.looks == 1 else None
    await run(world)
    assert [version for version, _ in world.distrusted] == [B]
    assert "has revoked" in world.distrusted[0][1]


async def test_another_key_that_is_revoked_ends_nothing(world) -> None:
    world.between = lambda: keys.revoke(world.trust, world.ids[B]) if world.looks == 1 else None
    await run(world)
    assert world.distrusted == []


async def test_a_trust_file_that_somebody_is_just_writing_ends_nothing_and_is_told(world) -> None:
    world.between = lambda: world.trust.write_text("ed25519")
    with capture_logs() as logs:
        await run(world)
    assert [line["event"] for line in logs] == ["trust_not_read"]


async def test_what_is_no_version_is_not_checked(world) -> None:
    world.slot.serving.version = "noop"
    world.between = lambda: keys.revoke(world.trust, world.ids[A]) if world.looks == 1 else None
    await run(world)


@pytest.mark.parametrize("place", ["champion", "canary"])
async def test_a_version_that_begins_to_serve_after_its_key_was_revoked_is_seen(world, place) -> None:
    def between() -> None:
        if world.looks == 1:  # it is being loaded, and was verified before
            keys.revoke(world.trust, world.ids[B])
        elif place == "champion":
            world.slot.serving.version = B
        else:
            world.slot.canary = B

    world.between = between
    if place == "champion":
        with pytest.raises(CorruptVersionError, match="has revoked"):
            await world.watch.run()
    else:
        await run(world)
        assert [version for version, _ in world.distrusted] == [B]


async def test_a_trust_file_that_is_just_being_replaced_ends_nothing(world) -> None:
    content = world.trust.read_bytes()

    def between() -> None:
        world.trust.unlink() if world.looks == 1 else world.trust.write_bytes(content)

    world.between = between
    await run(world)


async def test_a_trust_file_that_stays_away_trusts_nobody(world) -> None:
    world.between = lambda: world.trust.unlink(missing_ok=True)
    with pytest.raises(CorruptVersionError, match="does not trust"):
        await world.watch.run()


async def test_a_version_whose_folder_went_away_is_told(world) -> None:
    import shutil

    shutil.rmtree(world.settings.registry_folder / A)
    with capture_logs() as logs:
        await run(world)
    assert [line["event"] for line in logs] == ["trust_not_checked"]
