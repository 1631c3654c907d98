"""`docker-compose.yml` is valid and starts the same Kafka as `bellwether broker`."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bellwether.broker.artefacts import pinned
from bellwether.broker.properties import Node, server, shared

FILE = Path(__file__).parents[4] / "docker-compose.yml"


@pytest.fixture
def compose() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


@pytest.fixture
def environment(compose: dict[str, Any]) -> dict[str, str]:
    return compose["services"]["kafka"]["environment"]


def variable(setting: str) -> str:
    return "KAFKA_" + setting.upper().replace(".", "_")


def validate(compose: dict[str, Any]) -> None:
    package = importlib.util.find_spec("check_jsonschema")
    assert package is not None
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0]) / "builtin_schemas" / "vendor"
    jsonschema.validate(compose, json.loads((folder / "compose-spec.json").read_text(encoding="utf-8")))


def test_it_fits_the_compose_specification(compose: dict[str, Any]):
    validate(compose)


def test_a_misspelt_key_would_be_noticed(compose: dict[str, Any]):
    compose["services"]["kafka"]["prots"] = []
    with pytest.raises(jsonschema.ValidationError, match="prots"):
        validate(compose)


def test_the_image_has_the_version_of_our_jars(compose: dict[str, Any]):
    (kafka,) = (jar for jar in pinned() if ":kafka_2.13:" in jar.coordinate)
    assert compose["services"]["kafka"]["image"] == "apache/kafka:" + kafka.coordinate.rpartition(":")[2]


def test_it_is_reachable_on_loopback_alone(compose: dict[str, Any]):
    assert compose["services"]["kafka"]["ports"] == ["127.0.0.1:9092:9092"]


def test_its_settings_are_ours(environment: dict[str, str]):
    ours = {variable(name): value for name, value in shared(1, 1).items()}
    assert len(ours) >= 15
    assert {name: environment.get(name) for name in ours} == ours


def test_it_knows_no_setting_that_ours_does_not(environment: dict[str, str]):
    node = Node(node_id=1, client_port=9092, controller_port=9093)
    known = {variable(line.partition("=")[0]) for line in server(node, [node], Path("/data")).splitlines()}
    assert set(environment) - known == {"CLUSTER_ID", "KAFKA_HEAP_OPTS"}
