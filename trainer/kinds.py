"""What of a model each kind of recipe trains: adapters of three sorts, the encoder's last layers, or all of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.classifier import build_wide, columns, head_names, last_linear
from runtime.errors import InputError, ModelError
from trainer.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

FROM_BEHIND_PADDING = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta"})
"""Architectures whose first token has the position behind the padding's, which that many positions fewer leaves."""

WIDER = 1.5
"""AdaLoRA begins with so many times the rank that it may keep (Zhang et al. 2023, §4)."""

ORTHOGONALITY = 0.5
"""Weight of AdaLoRA's penalty; peft's own default."""


def prepared(recipe: Recipe, tasks: Mapping[str, Sequence[str]], encoder: Path, steps: int) -> PreTrainedModel:
    """The wide classifier with what the recipe's kind trains open, and all else frozen; pooler and heads are open.

    Args:
        recipe: its `kind` decides.
        tasks: label names per task.
        encoder: a plain Hugging Face folder.
        steps: of the whole training; AdaLoRA shares its ranks out by them.

    Raises:
        InputError: the recipe trains more layers than the encoder has.
        ModelError: the folder is no encoder that transformers knows, or it has no list of layers (`partial`).
    """
    import torch

    model: PreTrainedModel = build_wide(encoder, tasks, **dropouts(encoder, recipe)).float()
    if not torch.cuda.is_available():
        # torch's fused attention has a slow backward pass on CPUs: a third of a step of 40 headlines.
        model.set_attn_implementation("eager")
    whole = set(head_names(model))
    if recipe.kind in ("partial", "full"):
        opened = ("",) if recipe.kind == "full" else tuple(last_layers(model, recipe.layers))
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in whole or name.startswith(opened))
        return model
    return _adapted(model, recipe, steps, whole)


def _adapted(model: PreTrainedModel, recipe: Recipe, steps: int, whole: set[str]) -> PreTrainedModel:
    """Fresh adapters on every Linear of the frozen encoder."""
    import peft
    import torch

    targets = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and f"{name}.weight" not in whole
    ]
    rank, alpha, dropout = recipe.lora.rank, int(recipe.lora.alpha), recipe.lora.dropout
    how: Any
    if recipe.kind == "ia3":
        how = peft.IA3Config(target_modules=targets, feedforward_modules=[])
    elif recipe.kind == "adalora":
        how = peft.AdaLoraConfig(
            init_r=round(rank * WIDER), target_r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets,
            total_step=steps, tinit=steps // 10, tfinal=steps * 3 // 10, deltaT=max(1, steps // 100),
        )  # fmt: skip
    else:
        how = peft.LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets)
    adapted: Any = peft.get_peft_model(model, how)
    for name, parameter in adapted.base_model.model.named_parameters():
        if name in whole:
            parameter.requires_grad_(True)
    return adapted  # type: ignore[no-any-return]


def last_layers(model: PreTrainedModel, count: int) -> list[str]:
    """Beginnings of the parameter names of the encoder's last layers.

    Raises:
        InputError: it has fewer.
        ModelError: it has no list of layers.
    """
    import torch

    lists = [(len(m), name) for name, m in model.named_modules() if isinstance(m, torch.nn.ModuleList)]
    if not lists:
        raise ModelError(f"{type(model).__name__} has no list of layers; choose kind `full` or `lora`")
    length, name = max(lists)
    if count > length:
        raise InputError(f"layers = {count}, but the encoder has {length}; choose fewer, or kind `full`")
    return [f"{name}.{layer}." for layer in range(length - count, length)]


def inner(model: PreTrainedModel) -> PreTrainedModel:
    """The wide classifier itself, whether or not adapters are around it."""
    outer: Any = model
    return outer.base_model.model if has_adapters(model) else model


def has_adapters(model: torch.nn.Module) -> bool:
    """Whether adapters are around it."""
    import peft

    return isinstance(model, peft.PeftModel)


def inherit(model: PreTrainedModel, parent: PreTrainedModel) -> None:
    """Copy the parent's head rows to the labels of the same task and name; other labels keep what they have."""
    import torch

    own, theirs = last_linear(model)[1], last_linear(parent)[1]
    found = columns(parent.config)
    with torch.no_grad():
        for task, labels in columns(model.config).items():
            for label, column in labels.items():
                if (row := found.get(task, {}).get(label)) is not None:
                    own.weight[column] = theirs.weight[row]
                    own.bias[column] = theirs.bias[row]


def penalty(model: PreTrainedModel) -> torch.Tensor | float:
    """What AdaLoRA adds to the loss: how far P and Q are from orthogonal (Zhang et al. 2023, eq. 4); else 0."""
    import torch

    allocator = getattr(model.base_model, "rankallocator", None)
    if allocator is None:
        return 0.0
    found = []
    for name, p in model.named_parameters():
        if p.requires_grad and ("lora_A" in name or "lora_B" in name):
            product = p @ p.T if "lora_A" in name else p.T @ p
            found.append(torch.linalg.matrix_norm(product - torch.eye(len(product), device=p.device)))
    return ORTHOGONALITY * torch.stack(found).mean()


def allocate(model: PreTrainedModel, step: int) -> None:
    """Let AdaLoRA share its ranks out after a step (from 1), while the gradients are there; nothing else does."""
    outer: Any = model.base_model
    if hasattr(outer, "rankallocator"):
        outer.update_and_allocate(step - 1)


def allocation(model: PreTrainedModel) -> dict[str, Any]:
    """What AdaLoRA remembers from step to step, for a checkpoint; empty for others."""
    outer: Any = model
    ranks = getattr(model.base_model, "rankallocator", None)
    if ranks is None:
        return {}
    means = {name: getattr(ranks, name) for name in ("ipt", "exp_avg_ipt", "exp_avg_unc")}
    return {**means, "rank_pattern": outer.peft_config["default"].rank_pattern}


def allocate_again(model: PreTrainedModel, saved: Mapping[str, Any]) -> None:
    """Give AdaLoRA back what `allocation` said."""
    outer: Any = model
    if not saved:
        return
    for name in ("ipt", "exp_avg_ipt", "exp_avg_unc"):
        means = {parameter: value.to(model.device) for parameter, value in saved[name].items()}
        setattr(outer.base_model.rankallocator, name, means)
    outer.peft_config["default"].rank_pattern = saved["rank_pattern"]


def longest(encoder: Path) -> int:
    """Tokens that an encoder can read, special tokens included, by its table of positions."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(encoder, local_files_only=True, trust_remote_code=False)
    positions = getattr(config, "max_position_embeddings", None) or sys.maxsize
    # RoBERTa's kin count positions from behind the padding's own.
    return int(positions) - (config.pad_token_id + 1 if config.model_type in FROM_BEHIND_PADDING else 0)


def dropouts(encoder: Path, recipe: Recipe) -> dict[str, float]:
    """The recipe's dropouts under the names that this architecture's config has for them."""
    from transformers import AutoConfig

    known = AutoConfig.from_pretrained(encoder, local_files_only=True, trust_remote_code=False).to_dict()
    wanted = {
        "hidden_dropout_prob": recipe.hidden_dropout,  # BERT and its kin
        "attention_probs_dropout_prob": recipe.attention_dropout,
        "dropout": recipe.hidden_dropout,  # DistilBERT
        "attention_dropout": recipe.attention_dropout,
        "seq_classif_dropout": recipe.hidden_dropout,
    }
    return {name: share for name, share in wanted.items() if name in known}
