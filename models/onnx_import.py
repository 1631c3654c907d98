"""Weights of a BERT encoder out of an ONNX graph and into a `BertModel` folder; used once, never to serve."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from runtime.errors import ArtefactError

if TYPE_CHECKING:
    import onnx

Weights = dict[str, npt.NDArray[np.float32]]

_LINEAR_NODE = re.compile(r"^/(?P<module>encoder/layer\.\d+/.+)/MatMul(?:_quant)?$")
_LAYER = re.compile(r"^encoder\.layer\.(\d+)\.")


def import_bert(onnx_file: Path, tokenizer_file: Path, out: Path, heads: int) -> None:
    """Write the encoder of an ONNX file as a plain Hugging Face folder.

    The graph holds no pooler (it ends at `last_hidden_state`); it becomes the identity, so that the pooled vector is
    tanh of the first token's, deterministically, and training starts from there.

    Args:
        onnx_file: BERT graph as exported by transformers or optimum, fp32 or dynamically quantised.
        tokenizer_file: its `tokenizer.json`.
        out: empty folder that receives config.json, model.safetensors and the tokenizer's files.
        heads: attention heads, which no weight's shape tells.

    Raises:
        ArtefactError: the graph lacks a weight that a `BertModel` needs.
    """
    import onnx
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    weights = read_weights(onnx.load(str(onnx_file)))
    config = BertConfig(num_attention_heads=heads, **_shape(weights, onnx_file))
    model = BertModel(config)
    state = {name: torch.from_numpy(value.copy()) for name, value in weights.items()}
    state["pooler.dense.weight"] = torch.eye(config.hidden_size)
    state["pooler.dense.bias"] = torch.zeros(config.hidden_size)
    missing = sorted(set(dict(model.named_parameters())) - set(state))
    if missing:
        raise ArtefactError(
            f"{onnx_file.name} lacks {len(missing)} weights of a BertModel, first {missing[0]!r}; is it BERT?"
        )
    model.load_state_dict(state, strict=False)  # position_ids and the like are buffers that the model makes itself
    model.save_pretrained(out)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_file), model_max_length=config.max_position_embeddings,
        unk_token="[UNK]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]", mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(out)


def read_weights(graph: onnx.ModelProto) -> Weights:
    """All BERT weights by their PyTorch names, float32.

    Named initialisers are taken as they are. The weight of a Linear has lost its name in export: it is the second
    input of the MatMul node that sits at the module's path, transposed; where quantised, `(q - zero_point) * scale`.
    """
    from onnx import numpy_helper

    raw = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}

    def floats(name: str) -> npt.NDArray[np.float32]:
        stem = name.removesuffix("_quantized")
        if stem == name:
            return np.asarray(raw[name], dtype=np.float32)
        shifted = raw[name].astype(np.float32) - raw[f"{stem}_zero_point"].astype(np.float32)
        return np.asarray(shifted * raw[f"{stem}_scale"], dtype=np.float32)

    weights: Weights = {}
    for name in raw:
        plain = name.removesuffix("_quantized")
        if plain.startswith(("embeddings.", "encoder.")) and plain.endswith((".weight", ".bias")):
            weights[plain] = floats(name)
    for node in graph.graph.node:
        place = _LINEAR_NODE.match(node.name)
        if place and node.op_type in ("MatMul", "MatMulInteger") and node.input[1] in raw:
            weights[place["module"].replace("/", ".") + ".weight"] = np.ascontiguousarray(floats(node.input[1]).T)
    return weights


def _shape(weights: Weights, onnx_file: Path) -> dict[str, Any]:
    """The numbers of a BertConfig that the weights' shapes tell."""
    try:
        vocabulary, width = weights["embeddings.word_embeddings.weight"].shape
        return {
            "vocab_size": vocabulary,
            "hidden_size": width,
            "max_position_embeddings": weights["embeddings.position_embeddings.weight"].shape[0],
            "type_vocab_size": weights["embeddings.token_type_embeddings.weight"].shape[0],
            "intermediate_size": weights["encoder.layer.0.intermediate.dense.weight"].shape[0],
            "num_hidden_layers": 1 + max(int(m[1]) for name in weights if (m := _LAYER.match(name))),
        }
    except KeyError as gap:
        raise ArtefactError(f"{onnx_file.name} has no weight {gap.args[0]!r}; is it a BERT encoder's graph?") from gap
