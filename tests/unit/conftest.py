"""A tiny random encoder, made on the fly: real architecture, real tokenizer, no download, milliseconds per step."""

from pathlib import Path

import pytest

WORDS = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "shares", "rise", "rises", "fall", "falls", "jump", "sink",
    "flat", "steady", "profit", "loss", "dividend", "oil", "crude", "bank", "acme", "zenith", "on", "of",
    "the", "a", "after", "to", "in", "##s", "http", "@", "user", "$", "#", "%", ".", ",", ":", "!", "5", "q3",
    "results", "unchanged", "holds", "gains", "drops",
]  # fmt: skip

RISES = [
    "acme shares rise",
    "zenith shares jump after profit",
    "acme gains 5 %",
    "profit rises",
    "shares jump",
    "acme jump",
]
FALLS = [
    "acme shares fall",
    "zenith shares sink after loss",
    "acme drops 5 %",
    "loss rises",
    "shares sink",
    "acme sink",
]


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of 2 layers, 32 wide, on a vocabulary of some dozen words."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder") / "tiny-bert"
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ends)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.1,  # wide enough that other words give other logits without any training
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def moods() -> dict[str, list[str]]:
    """Sentences in the tiny encoder's words, by sentiment."""
    return {"positive": RISES, "negative": FALLS}
