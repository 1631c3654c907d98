"""A random model of some kilobytes in the form of a training result, to try and test everything without a download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from models import fakes
from models.classifier import CALIBRATION_FILE, HEADS_FILE, TRAINING_FILE, build_wide, head_names
from models.encoders import weights_digest
from models.text import CLEANING

WORDS = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] shares rise rises fall falls jump sink flat steady profit loss dividend oil bank "
    "on of the a after to in and as for ##s http @ user $ # % . , : ; ' 1 2 5 quarter results unchanged lifts cuts"
)
"""The vocabulary; every other word is unknown to it."""

MAX_TOKENS = 48


class Tiny(NamedTuple):
    """The two folders that a version is built from."""

    trained: Path
    encoder: Path


def write(folder: Path, seed: int = 0) -> Tiny:
    """Write a random encoder (2 layers, 32 wide) and a random training result on it; the same seed, the same bytes.

    Its heads are drawn so wide that most texts have a clear label; the labels mean nothing.
    """
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = _encoder(folder / "encoder")
        return Tiny(_trained(folder / "trained", encoder, seed), encoder)


def _encoder(folder: Path) -> Path:
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = list[str](WORDS.split())
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "pad", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=_tokenizer(words), model_max_length=64, **special).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def _tokenizer(words: list[str]) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, words.index(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ends)
    return tokenizer


def _trained(folder: Path, encoder: Path, seed: int) -> Path:
    import peft
    import torch
    from safetensors.torch import save_file

    tasks = {name: task.labels for name, task in fakes.TASKS.items()}
    model = build_wide(encoder, tasks).float()
    whole = set(head_names(model))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in whole:
                parameter.normal_(0.0, 0.4 if parameter.ndim > 1 else 0.1)
    linears = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and f"{name}.weight" not in whole
    ]
    adapted: Any = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=linears, init_lora_weights=False))
    adapted.save_pretrained(str(folder))
    state = adapted.base_model.model.state_dict()
    save_file({name: state[name].contiguous() for name in whole}, folder / HEADS_FILE)
    calibration = {
        "cleaning": CLEANING,
        "max_length": MAX_TOKENS,
        "tasks": {name: {"labels": labels, "temperature": 1.5, "abstain_below": 0.4} for name, labels in tasks.items()},
    }
    facts = {
        "name": "tiny",
        "encoder": {"name": encoder.name, "weights_sha256": weights_digest(encoder)},
        "recipe_sha256": "0" * 64,
        "cleaning": CLEANING,
        "seed": seed,
        "data": [],
        "scores": [],
    }
    (folder / CALIBRATION_FILE).write_text(json.dumps(calibration), encoding="utf-8")
    (folder / TRAINING_FILE).write_text(json.dumps(facts), encoding="utf-8")
    (folder / "README.md").write_text("A random model; its labels mean nothing.\n", encoding="utf-8")
    return folder
