"""Every error that Bellwether raises on purpose.

    BellwetherError
    ├── SettingsError          a setting is missing, misspelt or out of range
    ├── InputError             what a user handed us cannot be used (a file, a mapping, a flag)
    ├── DependencyError        something outside that we need is absent or answers wrongly
    │   ├── BrokerError        Kafka: does not start, does not answer, refuses
    │   │   └── BrokerAwayError    Kafka does not answer now, and may do so later
    │   └── ArtefactError      a jar, an encoder or a JRE is absent or has another digest
    ├── WireError              bytes on a topic that are no valid message (one subclass a reason, in wire.codec)
    ├── ModelError             a model version cannot be built, verified or loaded
    │   ├── VersionNotFoundError   no such version
    │   ├── CorruptVersionError    digest or signature does not match
    │   └── EngineError        an engine failed, crashed or ran out of time on a batch
    │       └── EngineMemoryError  it ran out of memory; fewer texts at once may do
    └── PromiseError           one of the promises that the README prints did not hold

Each message says the value, the place and the cure; `is_retriable` tells retry code what it may do.
"""

from __future__ import annotations


class BellwetherError(Exception):
    """Root of the tree: catch it to catch all that we raise on purpose."""

    is_retriable: bool = False
    """Whether the same call may succeed later without anybody changing anything."""


class SettingsError(BellwetherError):
    """A setting is missing, misspelt or out of range."""


class InputError(BellwetherError):
    """What a user handed us cannot be used."""


class DependencyError(BellwetherError):
    """Something outside that we need is absent or answers wrongly."""


class BrokerError(DependencyError):
    """Kafka does not start, does not answer or refuses."""


class BrokerAwayError(BrokerError):
    """Kafka does not answer now; nobody has to change anything for it to answer later."""

    is_retriable = True


class ArtefactError(DependencyError):
    """A jar, an encoder or a JRE is absent or has another digest than the pinned one."""


class WireError(BellwetherError):
    """Bytes on a topic that are no valid message."""

    reason: str = "invalid"
    """Constant, snake_case: the dead-letter reason and the metric label."""


class ModelError(BellwetherError):
    """A model version cannot be built, verified or loaded."""


class VersionNotFoundError(ModelError):
    """The registry holds no such version."""

    def __init__(self, version: str, known: list[str]) -> None:
        self.version = version
        self.known = known
        names = ", ".join(known) if known else "none; build the shipped ones with `bellwether models build`"
        names += "; `bellwether models pull` brings one from the store" if version.startswith("v-") else ""
        super().__init__(f"no model version {version!r} in the registry; known: {names}")


class CorruptVersionError(ModelError):
    """A file of a version does not match its manifest, or the manifest's signature is not trusted."""


class EngineError(ModelError):
    """An engine failed, crashed or ran out of time on a batch."""

    reason: str = "engine_error"
    """`engine_error`, `crash`, `timeout` or `out_of_memory`: the dead-letter reason."""


class EngineMemoryError(EngineError):
    """An engine ran out of memory on a batch; fewer texts at once may do."""

    reason = "out_of_memory"


class PromiseError(BellwetherError):
    """A promise that the README prints did not hold."""
