"""Where Bellwether runs: read once from `BELLWETHER_*` variables and a TOML file, then frozen and passed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from runtime.crashpoints import Crash
from runtime.errors import SettingsError

PREFIX = "BELLWETHER_"
CONFIG_VARIABLE = PREFIX + "CONFIG"


class Settings(BaseSettings):
    """Every field is also an environment variable `BELLWETHER_<FIELD>` and a key of the TOML file."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True)

    bootstrap: str = "127.0.0.1:9092"
    """Kafka's first address, `host:port[,host:port]`."""

    home: Path = user_data_path("bellwether")
    """Folder for what must survive: the broker's data, keys, the registry. Losing it loses local versions."""

    cache: Path = user_cache_path("bellwether")
    """Folder for what can be fetched again: jars, encoders. Deleting it costs a download."""

    registry: Path | None = None
    """Folder of the model versions of this machine, built or pulled; `<home>/registry` where not set."""

    store: str | None = None
    """Where all machines share versions: a folder, or `s3://bucket/prefix` with the usual `AWS_*` variables;
    `<home>/store` where not set."""

    data: Path | None = None
    """Folder of the public data sets, for the tests and for the commands in the model cards; nothing else needs it."""

    model: str = "accurate"
    """Version that serves: an alias (`accurate`, `fast`), a name or a folder; `champion` is what was promoted last."""

    engine: str | None = None
    """Engine that serves, e.g. `torch-fp32`; the best one for this machine where not set."""

    threads: NonNegativeInt = 0
    """CPU threads of the engine; 0 = all cores. More than the cores only adds switching."""

    aliases: Path | None = None
    """TOML file with your own entity aliases, added to the built-in table."""

    labellers: Path | None = None
    """TOML file of the labellers and imports that you trust, and of the limits for all others; nobody is trusted where
    not set."""

    group: str = "bellwether-classify"
    """Consumer group of the workers; two groups each score everything."""

    batch_records: PositiveInt = 256
    """Most events per model call. More = better throughput, longer waits for the first of a batch."""

    batch_wait_s: PositiveFloat = 0.05
    """Longest wait for a batch to fill. More = fuller batches on a trickle, older events."""

    batch_deadline_s: PositiveFloat = 30.0
    """A model call that takes longer is killed and bisected. Less may kill an honest slow batch on a busy machine."""

    engine_growth_mib: PositiveInt = 4096
    """MiB that the engine's process may take in a call beyond what it held when warm; more, and it is killed and the
    batch bisected. An honest batch takes under 1 GiB. Less protects a small machine, and may kill a GPU's large one."""

    http_host: str = "127.0.0.1"
    """Address of health, metrics and the HTTP ingest; loopback, because nothing there asks for a password."""

    http_port: NonNegativeInt = 0
    """Port of a worker's health and metrics, not of `ingest http`; 0 takes a free one (see `port_file`)."""

    port_file: Path | None = None
    """File that receives the port a worker took, written once it is open; `ingest http` has a flag."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe log line shown."""

    crash_at: str | None = None
    """For tests: `POINT:COUNT:FILE` kills a worker or trainer at a passing of a point, see `runtime/crashpoints.py`."""

    @field_validator("crash_at")
    @classmethod
    def _crash_at_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            Crash.parse(value)
        return value

    @property
    def registry_folder(self) -> Path:
        """Folder of model versions."""
        return self.registry if self.registry is not None else self.home / "registry"

    @property
    def store_url(self) -> str:
        """Where versions are shared."""
        return self.store if self.store is not None else str(self.home / "store")

    @property
    def keys_folder(self) -> Path:
        """Folder of signing keys and of the list of trusted ones; outside the registry."""
        return self.home / "keys"

    @property
    def label_store(self) -> Path:
        """File of the labels that this machine's trainer has read; the label topic rebuilds it."""
        return self.home / "labels.sqlite"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the library calls by this name)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the library calls by this name)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, the environment over the file."""
        path = os.environ.get(CONFIG_VARIABLE)
        file = (TomlConfigSettingsSource(settings_cls, Path(path)),) if path else ()
        return (init_settings, env_settings, *file)


def reject_unknown(environment: Mapping[str, str]) -> None:
    """Refuse a misspelt `BELLWETHER_*` variable, which pydantic would ignore in silence.

    Raises:
        SettingsError: a variable with our prefix names no setting.
    """
    known = {name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE.removeprefix(PREFIX)}
    for name in environment:
        short = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and short not in known:
            near = get_close_matches(short, known, n=1)
            cure = (
                f"did you mean {PREFIX}{near[0]}?" if near else "known: " + ", ".join(PREFIX + k for k in sorted(known))
            )
            raise SettingsError(f"{name} is no setting; {cure}")


def load(**flags: object) -> Settings:
    """Read the settings once; a flag that is None counts as not given.

    Raises:
        SettingsError: a value is out of range or of the wrong type, a name is unknown, the file is missing.
    """
    reject_unknown(os.environ)
    path = os.environ.get(CONFIG_VARIABLE)
    if path and not Path(path).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE}={path!r} is no file; unset it or write the TOML file")
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(f"setting {where!r} = {first.get('input')!r}: {first['msg']}") from error
