import random
import re
from pathlib import Path

import pytest

from bellwether.broker import blueprint
from runtime.errors import BrokerError


def prepared(folder: Path, **chosen: int) -> blueprint.Blueprint:
    arguments = {"nodes": 1, "port": 0} | chosen
    return blueprint.prepare(folder, choose=random.Random(7), **arguments)


def test_a_restart_keeps_identity_and_ports(tmp_path: Path):
    first = prepared(tmp_path)
    assert blueprint.prepare(tmp_path, nodes=1, port=0, choose=random.Random(8)) == first
    assert blueprint.read(tmp_path) == first


def test_another_port_keeps_the_identity(tmp_path: Path):
    first = prepared(tmp_path)
    moved = prepared(tmp_path, port=29_092)
    assert moved.cluster_id == first.cluster_id
    assert moved.bootstrap == "127.0.0.1:29092"


def test_forgotten_ports_are_chosen_anew(tmp_path: Path):
    first = prepared(tmp_path)
    blueprint.forget_ports(tmp_path)
    again = blueprint.prepare(tmp_path, nodes=1, port=0, choose=random.Random(8))
    assert again.cluster_id == first.cluster_id
    assert again.nodes != first.nodes


def test_a_second_listener_is_kept_also_where_ports_are_chosen_anew(tmp_path: Path):
    first = blueprint.prepare(tmp_path, nodes=1, port=0, choose=random.Random(7), advertised=[29_500])
    assert first.nodes[0].advertised_port == 29_500
    assert len({first.nodes[0].client_port, first.nodes[0].controller_port, *first.second, 29_500}) == 4
    assert prepared(tmp_path) == first
    blueprint.forget_ports(tmp_path)
    assert prepared(tmp_path).nodes[0].advertised_port == 29_500


def test_without_a_proxy_there_is_no_second_listener(tmp_path: Path):
    assert prepared(tmp_path).second == ()


def test_another_cluster_at_the_same_ports(tmp_path: Path):
    first = prepared(tmp_path)
    blueprint.rename(tmp_path, random.Random(8))
    again = blueprint.read(tmp_path)
    assert again is not None
    assert again.cluster_id != first.cluster_id
    assert again.nodes == first.nodes


def test_nodes_take_consecutive_ports_and_different_controller_ports(tmp_path: Path):
    plan = prepared(tmp_path, nodes=3, port=29_092)
    assert plan.bootstrap == "127.0.0.1:29092,127.0.0.1:29093,127.0.0.1:29094"
    assert len({node.controller_port for node in plan.nodes}) == 3


def test_nodes_beyond_the_last_port_are_refused(tmp_path: Path):
    with pytest.raises(BrokerError, match="3 nodes from port 65534 on would pass 65535; choose a lower --port"):
        prepared(tmp_path, nodes=3, port=65_534)


def test_the_cluster_id_has_kafkas_form(tmp_path: Path):
    assert re.fullmatch(r"[A-Za-z0-9_]{22}", prepared(tmp_path).cluster_id)


def test_two_nodes_are_refused(tmp_path: Path):
    with pytest.raises(BrokerError, match="1 or 3 nodes, not 2"):
        blueprint.check_usable(tmp_path, 2)


def test_another_number_of_nodes_than_the_folder_has_is_refused(tmp_path: Path):
    prepared(tmp_path)
    with pytest.raises(BrokerError, match="holds a broker of 1 nodes, not 3: start it with --nodes 1"):
        blueprint.check_usable(tmp_path, 3)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BrokerError, match=r"holds thesis\.tex and no broker of ours; choose an empty --folder"):
        blueprint.check_usable(tmp_path, 1)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(BrokerError, match=r"file cannot be used: .*choose another --folder"):
        blueprint.check_usable(tmp_path / "file", 1)


def test_a_broken_description_is_refused(tmp_path: Path):
    (tmp_path / "cluster.json").write_text("{}")
    with pytest.raises(BrokerError, match=r"cluster\.json cannot be read \(KeyError"):
        blueprint.read(tmp_path)


def test_a_folder_without_a_broker_has_none(tmp_path: Path):
    assert blueprint.read(tmp_path / "nowhere") is None
