"""What may happen to versions, good and bad: one function a name, as in `bellwether.chaos.faults`."""

from __future__ import annotations

import time

from bellwether.chaos import spoil
from bellwether.chaos.scenario import Fault
from bellwether.chaos.shelf import Shelf
from bellwether.chaos.world import World
from models import pointer
from runtime.errors import InputError

LOOK_S = 0.3
"""Before the next of many moves, to look at memory: a look at some processes takes a tenth of a second."""


def promote(fault: Fault, world: World) -> None:
    """A version of the row's store begins to serve; workers follow."""
    shelf = _shelf(world)
    world.strike("promoted", detail=shelf.name(fault.version))
    shelf.promote(fault.version)


def roll_back(_: Fault, world: World) -> None:
    """The version before serves again."""
    shelf = _shelf(world)
    world.strike("promoted", detail=pointer.head(shelf.store).previous or "")
    shelf.roll_back()


def stage(fault: Fault, world: World) -> None:
    """Workers make a version ready."""
    shelf = _shelf(world)
    shelf.stage(fault.version)
    world.strike("staged", detail=shelf.name(fault.version))


def swaps(fault: Fault, world: World) -> None:
    """`most` moves, one every so many seconds: back to the version before, forth again; memory before each next one."""
    shelf, begun = _shelf(world), time.monotonic()
    for number in range(fault.most):
        goal = shelf.versions[number % 2]
        world.strike("promoted", detail=goal)  # before the move, so that no time comes out too short
        if number % 2 == 0:
            shelf.roll_back()
        else:
            shelf.promote(goal)
        next_at = begun + (number + 1) * fault.every  # what a move and a look take must not add up
        if not world.wait(max(0.0, next_at - time.monotonic() - LOOK_S)):
            return
        world.strike("memory", detail=f"{world.workers.memory_mib():.1f}")
        world.wait(max(0.0, next_at - time.monotonic()))


def promote_corrupt(fault: Fault, world: World) -> None:
    """A spoilt version is promoted; at the end of the wait nothing of it may have run."""
    shelf = _shelf(world)
    name = shelf.promote_corrupt(fault.version)
    world.strike("promoted-corrupt", detail=f"{fault.version} {name}")
    world.wait(fault.seconds)
    if (shelf.spoilt / spoil.CANARY).exists():
        world.strike("canary-ran", detail=fault.version)


def full_registry(fault: Fault, world: World) -> None:
    """A version is promoted while the disk that it is pulled to is full."""
    disk = world.workers.outfit.registry_disk
    if disk is None:
        raise InputError("these workers have no disk of their own for versions; name `full-registry` in their scenario")
    try:
        world.strike("registry-full", detail=f"the last {disk.fill()} bytes taken")
        promote(fault, world)
        world.wait(fault.seconds)
    finally:
        disk.free()
        world.strike("registry-free")


def stop_store(fault: Fault, world: World) -> None:
    """The object store stands still; a worker that starts meanwhile has only what is on its machine."""
    objects = _shelf(world).objects
    if objects is None:
        raise InputError('this row\'s store is a folder; say `store = "s3"` in its scenario')
    try:
        objects.stop()
        world.strike("store-stopped")
        world.wait(fault.seconds)
    finally:
        objects.go_on()
        world.strike("store-goes-on")


def challenge(fault: Fault, world: World) -> None:
    """A version is tried beside the champion for a while, as the fault's policy says."""
    shelf = _shelf(world)
    if fault.policy is None:
        raise InputError("a challenge needs a policy: mode and share")
    shelf.challenge(fault.version, fault.policy)
    try:
        world.strike("challenged", detail=f"{fault.policy.mode} {shelf.name(fault.version)} {fault.policy.share:g}")
        world.wait(fault.seconds)
    finally:
        shelf.unchallenge()
        world.strike("unchallenged")


def kill_challenger(_: Fault, world: World) -> None:
    """SIGKILL of the engine's process of a challenger; its worker puts it aside."""
    world.strike("challenger-died", pid=world.workers.kill_challenger(world.random))


def _shelf(world: World) -> Shelf:
    if world.shelf is None:
        raise InputError("this row has no store of versions; name `versions` in its scenario")
    return world.shelf
