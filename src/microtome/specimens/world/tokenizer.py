"""Byte-level BPE trained on the corpus itself, with Gemma's special tokens.

Digits stand alone, so " action1" is " action" + "1"; a <bos> opens every text. Every concept
noun of the taxonomy must be one token with its leading space, which `check` asserts.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from microtome.errors import ModelError
from microtome.specimens.world.taxonomy import lineage

BOS, EOS, PAD, UNK = "<bos>", "<eos>", "<pad>", "<unk>"


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """The tokenizer of the specimen; raises ModelError where a concept noun got split."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, EOS, BOS, UNK],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    core.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A",
        pair=f"{BOS} $A {BOS} $B",
        special_tokens=[(BOS, core.token_to_id(BOS))],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNK,
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
    check(tokenizer)
    return tokenizer


def check(tokenizer: PreTrainedTokenizerFast) -> None:
    """Raises ModelError unless nouns, children, parents and " action" + digit are as promised."""
    words = {w for noun, path in lineage().items() for w in (noun, *path)}
    split = [w for w in sorted(words) if len(tokenizer.tokenize(f" {w}")) != 1]
    if split:
        raise ModelError(f"These concepts are no single token: {', '.join(split)}.")
    if len(tokenizer.tokenize(" action1")) != 2:
        raise ModelError(f"' action1' is cut into {tokenizer.tokenize(' action1')}.")
