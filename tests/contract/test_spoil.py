"""What the chaos rows put into a store is bad in the one way that its name says, and refused for that reason."""

import re

import pytest

from bellwether.chaos.spoil import CANARY, KINDS, put
from models import registry
from models.pull import pull
from models.store import open_store
from runtime.errors import CorruptVersionError


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_spoilt_version_is_refused_for_its_own_reason(kind: str, published, tmp_path) -> None:
    store = open_store(str(tmp_path / "store"), make=True)
    (tmp_path / "spoilt").mkdir()
    healthy = published.registry / published.name
    name = put(kind, healthy, store, published.keys, tmp_path / "spoilt")

    def serve() -> None:
        pull(store, name, tmp_path / "registry", published.trust)
        registry.open_engine(name, registry=tmp_path / "registry", trust=published.trust, threads=1).close()

    with pytest.raises(CorruptVersionError) as refused:
        serve()

    assert re.search(KINDS[kind].reason, str(refused.value))
    assert not (tmp_path / "spoilt" / CANARY).exists()


def test_the_pickle_would_run_if_anybody_read_it(published, tmp_path) -> None:
    import pickle

    store = open_store(str(tmp_path / "store"), make=True)
    (tmp_path / "spoilt").mkdir()
    name = put("pickle", published.registry / published.name, store, published.keys, tmp_path / "spoilt")

    pickle.loads((tmp_path / "spoilt" / name / "pytorch_model.bin").read_bytes())

    assert (tmp_path / "spoilt" / CANARY).exists()


def test_labels_in_another_order_are_found_by_the_canaries_of_full_precision_too(published, tmp_path) -> None:
    store = open_store(str(tmp_path / "store"), make=True)
    (tmp_path / "spoilt").mkdir()
    name = put("labels-order", published.registry / published.name, store, published.keys, tmp_path / "spoilt")
    pull(store, name, tmp_path / "registry", published.trust)

    with pytest.raises(CorruptVersionError, match=r"torch-fp32 of .* scores a canary"):
        registry.open_engine(
            name, registry=tmp_path / "registry", trust=published.trust, engine="torch-fp32", threads=1
        )
