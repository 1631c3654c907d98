"""What peft 0.21 does with our adapters, so that an upgrade that changes it is noticed."""

from pathlib import Path

import pytest


def test_an_adapter_with_a_classifier_head_cannot_be_swapped_in_place(tmp_path: Path) -> None:
    """peft 3581: the head is trained whole and saved with the adapter, and `hotswap_adapter` does not know it.

    Why: a swap of versions is a second engine process that loads, verifies and warms up (`models/host.py`).
    When it fails: adapters of one encoder could be swapped in place; the second process still gives back all memory.
    """
    import peft
    from peft.utils.hotswap import hotswap_adapter
    from transformers import BertConfig, BertForSequenceClassification

    size = BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=3
    )
    model = BertForSequenceClassification(size)
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query"]))
    adapted.save_pretrained(str(tmp_path))
    with pytest.raises(KeyError, match="classifier"):
        hotswap_adapter(adapted, str(tmp_path), adapter_name="default", torch_device="cpu")
