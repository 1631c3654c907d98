"""Where `ingest http` listens is said by its flags: a worker's settings do not reach it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bellwether.cli import ingest, ingest_service


@pytest.mark.parametrize(
    ("arguments", "port", "file"),
    [((), 0, None), (("--http-port", "8080", "--port-file", "p"), 8080, Path("p"))],
)
def test_one_variable_does_not_make_worker_and_ingest_collide(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], port: int, file: Path | None
) -> None:
    places = []

    async def serve(_: object, place: ingest_service.Place, __: object) -> None:
        places.append(place)

    class FakePublisher:
        def __init__(self, *_: object) -> None:
            pass

        def __enter__(self) -> "FakePublisher":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr("bellwether.cli.ingest_session.Publisher", FakePublisher)
    monkeypatch.setattr(ingest_service, "serve", serve)
    monkeypatch.setenv("BELLWETHER_HTTP_PORT", "9100")
    monkeypatch.setenv("BELLWETHER_PORT_FILE", "worker.port")
    monkeypatch.setenv("BELLWETHER_HTTP_HOST", "127.0.0.7")

    result = CliRunner().invoke(ingest.app, ["http", *arguments])

    assert result.exception is None
    assert places == [ingest_service.Place("127.0.0.7", port, file)]
