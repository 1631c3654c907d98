"""The import against graphs built by hand; and, where the jars were fetched, against onnxruntime itself."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models import encoders, onnx_import
from runtime.errors import ArtefactError

RNG = np.random.default_rng(0)


def graph(*nodes: onnx.NodeProto, **tensors: np.ndarray) -> onnx.ModelProto:
    named = [numpy_helper.from_array(value, name.replace("__", ".")) for name, value in tensors.items()]
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    return helper.make_model(helper.make_graph(list(nodes), "g", [], [output], initializer=named))


def test_a_linear_weight_is_found_by_its_node_and_transposed() -> None:
    weight = RNG.random((3, 5), dtype=np.float32)
    node = helper.make_node("MatMul", ["x", "W1"], ["out"], name="/encoder/layer.0/intermediate/dense/MatMul")
    found = onnx_import.read_weights(graph(node, W1=weight))
    np.testing.assert_array_equal(found["encoder.layer.0.intermediate.dense.weight"], weight.T)


def test_a_product_of_two_activations_is_no_weight() -> None:
    node = helper.make_node("MatMul", ["x", "y"], ["out"], name="/encoder/layer.0/attention/self/MatMul")
    assert onnx_import.read_weights(graph(node)) == {}


def test_a_quantised_weight_is_shifted_and_scaled_back() -> None:
    node = helper.make_node(
        "MatMulInteger",
        ["x", "W1_quantized", "x_zero_point", "W1_zero_point"],
        ["out"],
        name="/encoder/layer.1/output/dense/MatMul_quant",
    )
    tensors = {
        "W1_quantized": np.array([[10, 130]], np.uint8),
        "W1_zero_point": np.uint8(128),
        "W1_scale": np.float32(0.5),
    }
    found = onnx_import.read_weights(graph(node, **{name: np.asarray(value) for name, value in tensors.items()}))
    np.testing.assert_array_equal(found["encoder.layer.1.output.dense.weight"], [[-59.0], [1.0]])


def test_named_weights_are_taken_as_they_are() -> None:
    bias = RNG.random(4, dtype=np.float32)
    found = onnx_import.read_weights(graph(embeddings__LayerNorm__bias=bias))
    np.testing.assert_array_equal(found["embeddings.LayerNorm.bias"], bias)


def test_a_graph_that_is_no_bert_is_refused_by_its_first_gap(tmp_path: Path) -> None:
    onnx.save(graph(), str(tmp_path / "other.onnx"))
    with pytest.raises(
        ArtefactError, match=r"other.onnx has no weight 'embeddings.word_embeddings.weight'; is it a BERT"
    ):
        onnx_import.import_bert(tmp_path / "other.onnx", tmp_path / "none.json", tmp_path, heads=2)


def test_the_imported_encoders_score_as_onnxruntime_does(tmp_path: Path) -> None:
    """Needs bge-small-zh in the cache and its jar at hand: `bellwether encoders get bge-small-zh` brings both."""
    import onnxruntime
    import torch
    from transformers import AutoModel, AutoTokenizer

    from models import encoder_sources

    if not encoders.is_present("bge-small-zh") or os.environ.get("BELLWETHER_NETWORK") == "off":
        pytest.skip("NOT TESTED against onnxruntime: bge-small-zh is not in the cache; `bellwether encoders get` it")
    jar = encoder_sources.BGE_SMALL_ZH
    try:
        file = encoder_sources.fetched(jar, tmp_path)
    except ArtefactError as error:
        pytest.skip(f"NOT TESTED against onnxruntime: {error}")
    import zipfile

    with zipfile.ZipFile(file) as archive:
        session = onnxruntime.InferenceSession(archive.read(jar.graph))
    folder = encoders.get("bge-small-zh")
    inputs = AutoTokenizer.from_pretrained(folder)(["银行股今天上涨。", "盈利下降"], return_tensors="np", padding=True)
    feeds = {name: value.astype(np.int64) for name, value in inputs.items()}
    expected = session.run(None, feeds)[0][feeds["attention_mask"].astype(bool)]
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(folder).eval()(**{n: torch.from_numpy(v) for n, v in feeds.items()})
    found = hidden.last_hidden_state.numpy()[feeds["attention_mask"].astype(bool)]
    cosine = (expected * found).sum(-1) / np.linalg.norm(expected, axis=-1) / np.linalg.norm(found, axis=-1)
    assert cosine.min() > 0.98  # its activations are quantised in ONNX and not here: 0.99 to 0.996, not 1
