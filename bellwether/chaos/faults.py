"""What can go wrong: one function a name, which returns when it has healed, also where the run is aborted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from bellwether.chaos import clocks, disks, object_store, version_faults
from bellwether.chaos.scenario import Fault
from bellwether.chaos.world import World
from runtime.errors import InputError

ONE_WAY_S = 0.25
"""Of `delay`: half a second a round trip."""


def strike(fault: Fault, world: World) -> None:
    """Let one thing go wrong and heal.

    Raises:
        InputError: there is no such fault, or the row lacks what it needs.
    """
    known = FAULTS.get(fault.do)
    if known is None:
        raise InputError(f"no fault {fault.do!r}; known: {', '.join(FAULTS)}")
    known(fault, world)


def missing(needs: Sequence[str]) -> str | None:
    """Why a row cannot run on this machine, or None where it can.

    Raises:
        InputError: a need that no machine could meet.
    """
    for need in needs:
        if need not in _NEEDS:
            raise InputError(f"nothing is known of the need {need!r}; known: {', '.join(_NEEDS)}")
        reason = _NEEDS[need]()
        if reason is not None:
            return reason
    return None


def kill_worker(_: Fault, world: World) -> None:
    """SIGKILL of a worker; its parent starts it again."""
    pid = world.workers.kill_one(world.random)
    world.strike("worker-died", pid=pid, held=world.workers.held_by(pid))


def kill_engine(_: Fault, world: World) -> None:
    """SIGKILL of an engine's process; its worker starts another."""
    world.strike("engine-died", pid=world.workers.kill_engine(world.random))


def terminate_worker(_: Fault, world: World) -> None:
    """SIGTERM of a worker; its parent starts it again."""
    pid = world.workers.terminate_one(world.random)
    world.strike("worker-stopping", pid=pid, held=world.workers.held_by(pid))


def pause_worker(fault: Fault, world: World) -> None:
    """SIGSTOP of a worker, SIGCONT `seconds` later."""
    pid = world.workers.pause_one(world.random)
    try:
        world.strike("worker-paused", pid=pid, held=world.workers.held_by(pid))
        world.wait(fault.seconds)
    finally:
        world.workers.resume(pid)
        world.strike("worker-resumed", pid=pid)


def kill_broker(fault: Fault, world: World) -> None:
    """SIGKILL of all nodes; started again `seconds` later."""
    _kill_nodes(fault, world, None, "broker")


def kill_node(fault: Fault, world: World) -> None:
    """SIGKILL of one node, by chance; started again `seconds` later."""
    _kill_nodes(fault, world, world.random.randint(1, world.broker.nodes), "node")


def _kill_nodes(fault: Fault, world: World, node: int | None, name: str) -> None:
    try:
        for pid in world.broker.kill(node):
            world.strike(f"{name}-down", pid=pid)
        world.wait(fault.seconds)
    finally:
        world.broker.start()
        world.strike(f"{name}-up")


def cut(fault: Fault, world: World) -> None:
    """No byte passes between workers and broker, in one direction or both."""
    try:
        world.broker.proxy.cut(fault.direction)
        world.strike("network-cut", detail=fault.direction)
        world.wait(fault.seconds)
    finally:
        _heal(world)


def reset(fault: Fault, world: World) -> None:
    """All connections are reset in the middle of a response, again and again."""
    try:
        world.broker.proxy.reset()
        world.strike("network-cut", detail="resets")
        world.wait(fault.seconds)
    finally:
        _heal(world)


def delay(fault: Fault, world: World) -> None:
    """Every byte takes longer, in both directions."""
    try:
        world.broker.proxy.delay(ONE_WAY_S)
        world.strike("network-slow", detail=f"{2 * ONE_WAY_S:g} s a round trip")
        world.wait(fault.seconds)
    finally:
        world.broker.proxy.heal()
        world.strike("network-fast")


def _heal(world: World) -> None:
    world.broker.proxy.heal()
    world.strike("network-healed")


def storm(fault: Fault, world: World) -> None:
    """Every few seconds a worker joins or leaves; at the end there are as many as before.

    They grow to the most first; then the oldest leaves and a new one joins, in turns: a worker needs a while to join,
    and one that left before it had would disturb nobody.
    """
    before = world.workers.present()
    goal = fault.most
    try:
        for _ in range(round(fault.seconds / fault.every)):
            if goal == world.workers.present():
                goal = fault.most - 1 if goal == fault.most else fault.most
            _step(world, goal)
            if not world.wait(fault.every):
                return
    finally:
        while not world.aborted.is_set() and world.workers.present() != before:
            _step(world, before)


def _step(world: World, goal: int) -> None:
    if goal > world.workers.present():
        world.strike("worker-joined", pid=world.workers.add())
    else:
        world.strike("worker-left", pid=world.workers.remove_oldest())


def jump_clock(fault: Fault, world: World) -> None:
    """The workers' wall clock is `shift` seconds ahead for a while; their monotonic clock is right."""
    clock = world.workers.outfit.clock
    if clock is None:
        raise InputError("these workers were started without libfaketime; name `jump-clock` in their scenario")
    try:
        clock.shift(fault.shift)
        world.strike("clock-jumped", detail=f"{fault.shift:+g} s")
        world.wait(fault.seconds)
    finally:
        clock.shift(0.0)
        world.strike("clock-right")


def fill_disk(fault: Fault, world: World) -> None:
    """The disk of the workers' state, logs and temporary files is full for a while; meanwhile one has to start anew.

    A worker at work writes nothing there: only its end and its start do, and they meet no room.
    """
    disk = world.workers.outfit.disk
    if disk is None:
        raise InputError("these workers have no disk of their own; name `fill-disk` in their scenario")
    try:
        world.strike("disk-full", detail=f"the last {disk.fill()} bytes taken")
        world.strike("worker-stopping", pid=world.workers.terminate_one(world.random), detail="on a full disk")
        world.wait(fault.seconds)
    finally:
        disk.free()
        world.strike("disk-free")


FAULTS: Mapping[str, Callable[[Fault, World], None]] = MappingProxyType(
    {
        "kill-worker": kill_worker,
        "kill-engine": kill_engine,
        "terminate-worker": terminate_worker,
        "pause-worker": pause_worker,
        "kill-broker": kill_broker,
        "kill-node": kill_node,
        "cut": cut,
        "reset": reset,
        "delay": delay,
        "storm": storm,
        "jump-clock": jump_clock,
        "fill-disk": fill_disk,
        "promote": version_faults.promote,
        "roll-back": version_faults.roll_back,
        "stage": version_faults.stage,
        "swaps": version_faults.swaps,
        "promote-corrupt": version_faults.promote_corrupt,
        "full-registry": version_faults.full_registry,
        "stop-store": version_faults.stop_store,
        "challenge": version_faults.challenge,
        "kill-challenger": version_faults.kill_challenger,
    }
)


def _no_faketime() -> str | None:
    if clocks.library() is not None:
        return None
    return "libfaketime is not installed (Debian: `apt-get install libfaketime`)"


_NEEDS: Mapping[str, Callable[[], str | None]] = MappingProxyType(
    {"root": disks.refusal, "faketime": _no_faketime, "moto": object_store.refusal}
)
