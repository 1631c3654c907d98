import asyncio
import json
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from runtime.errors import SettingsError
from streams.classify.health import HealthServer
from streams.classify.metrics import Metrics


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_health_readiness_and_metrics_answer_and_the_port_file_goes_with_them(tmp_path: Path) -> None:
    sick: list[str] = []
    unready = ["no partitions are assigned"]
    file = tmp_path / "port"
    server = HealthServer("127.0.0.1", 0, file, Metrics(), sick=lambda: sick, unready=lambda: unready)
    await server.start()
    port = int(file.read_text())
    assert port == server.port
    assert (await asyncio.to_thread(get, port, "/healthz"))[0] == 200
    code, body = await asyncio.to_thread(get, port, "/readyz")
    assert (code, json.loads(body)["problems"]) == (503, unready)
    sick.append("a model call is 3.0 s past its deadline")
    assert (await asyncio.to_thread(get, port, "/healthz"))[0] == 503
    assert "bellwether_events_total" in (await asyncio.to_thread(get, port, "/metrics"))[1]
    await server.stop()
    assert not file.exists()


async def test_a_port_that_is_taken_is_named_with_the_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = HealthServer("127.0.0.1", port, None, Metrics(), sick=list, unready=list)
        with pytest.raises(SettingsError, match=rf"cannot listen on 127.0.0.1:{port}: .*--http-port"):
            await server.start()
        await server.stop()


async def test_a_port_file_that_cannot_be_written_is_named_with_the_cure(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "port"
    server = HealthServer("127.0.0.1", 0, file, Metrics(), sick=list, unready=list)
    with pytest.raises(SettingsError, match=r"cannot write the port to .*nowhere/port: No such file.*--port-file"):
        await server.start()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), timeout=10)
