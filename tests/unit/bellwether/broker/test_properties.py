from pathlib import Path

from bellwether.broker.properties import Node, logging, server

ONE = [Node(node_id=1, client_port=9092, controller_port=9192)]
THREE = [Node(node_id=n, client_port=9091 + n, controller_port=9191 + n) for n in (1, 2, 3)]


def settings(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_every_listener_is_on_loopback():
    found = settings(server(THREE[1], THREE, Path("/data")))
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:9093,CONTROLLER://127.0.0.1:9193"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9093"


def test_a_second_listener_tells_its_clients_the_port_of_the_proxy_before_it():
    node = Node(node_id=1, client_port=9092, controller_port=9192, second_port=9292, advertised_port=9392)
    found = settings(server(node, [node], Path("/data")))
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9192,SECOND://127.0.0.1:9292"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092,SECOND://127.0.0.1:9392"
    assert found["listener.security.protocol.map"] == "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECOND:PLAINTEXT"


def test_one_node_needs_no_second_copy():
    found = settings(server(ONE[0], ONE, Path("/data")))
    replicas = {name: value for name, value in found.items() if name.endswith("replication.factor")}
    assert len(replicas) == 4
    assert set(replicas.values()) == {"1"}
    assert found["min.insync.replicas"] == "1"


def test_three_nodes_keep_three_copies_and_may_lose_one():
    found = settings(server(THREE[0], THREE, Path("/data")))
    assert found["default.replication.factor"] == "3"
    assert found["min.insync.replicas"] == found["transaction.state.log.min.isr"] == "2"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:9192,2@127.0.0.1:9193,3@127.0.0.1:9194"


def test_topics_are_never_created_by_being_named():
    assert settings(server(ONE[0], ONE, Path("/data")))["auto.create.topics.enable"] == "false"


def test_extra_settings_replace_ours():
    text = server(ONE[0], ONE, Path("/data"), {"advertised.listeners": "PLAINTEXT://127.0.0.1:1"})
    assert text.count("advertised.listeners=") == 1
    assert settings(text)["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1"


def test_a_backslash_in_a_folder_name_survives_javas_properties():
    assert settings(server(ONE[0], ONE, Path("/da\\ta")))["log.dirs"] == "/da\\\\ta"


def test_the_log_is_one_bounded_file():
    text = logging(Path("/node-1/broker.log"))
    assert "appender.file.fileName = /node-1/broker.log" in text
    assert "strategy.max = 2" in text
