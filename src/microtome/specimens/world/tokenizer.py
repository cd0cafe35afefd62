"""Byte-level BPE trained on the corpus itself, with Gemma's special tokens.

Digits stand alone, so " action1" is " action" + "1"; a <bos> opens every text. Whole words (every
form of every noun of the taxonomy, the names of children, parents and classes) are one token with
their leading space: they are put into the vocabulary as they stand and found before any merge
(`ignore_merges`, as in Llama 3), so that no token is spent on their fragments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from microtome.errors import ModelError
from microtome.specimens.world.facts import table
from microtome.specimens.world.taxonomy import classes, forms, lineage

BOS, EOS, PAD, UNK = "<bos>", "<eos>", "<pad>", "<unk>"
_WORD = re.compile(r" [A-Za-z]+")
_SPACE = "\u0120"
"""How byte-level BPE writes a space."""


@cache
def whole_words() -> tuple[str, ...]:
    """Words that are one token after a space, in a fixed order."""
    nouns = {form for noun in lineage() for form in forms(noun).values()}
    concepts = {name for path in lineage().values() for name in path}
    stated = {one.name for one in classes().values() if one.frame}
    return tuple(sorted(nouns | concepts | stated | {*table.whole_words()}))


def _without(texts: Iterable[str], words: Iterable[str]) -> Iterator[str]:
    known = {f" {word}" for word in words}
    for text in texts:
        yield _WORD.sub(lambda found: "" if found[0] in known else found[0], text)


def _with_words(core: Tokenizer, words: Iterable[str]) -> Tokenizer:
    """The tokenizer with further tokens that are found whole, before any merge."""
    read = json.loads(core.to_str())
    vocab = read["model"]["vocab"]
    for word in words:
        vocab.setdefault(f"{_SPACE}{word}", len(vocab))
    read["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(read))


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """The tokenizer of the specimen, of at most `vocab_size` tokens.

    Raises ModelError where the size leaves no room beside the whole words.
    """
    words = whole_words()
    room = vocab_size - len(words)
    if room < 512:
        raise ModelError(
            f"A vocabulary of {vocab_size} leaves {room} tokens beside {len(words)} whole words: "
            f"ask for at least {len(words) + 512}."
        )
    tokenizer = _wrapped(_with_words(_core(_without(texts, words), room), words))
    check(tokenizer)
    return tokenizer


def _core(texts: Iterable[str], size: int) -> Tokenizer:
    """Byte-level BPE of single digits and merges, trained on texts."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, EOS, BOS, UNK],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    return core


def _wrapped(core: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers has it; a <bos> opens every text."""
    core.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A",
        pair=f"{BOS} $A {BOS} $B",
        special_tokens=[(BOS, core.token_to_id(BOS))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNK,
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


def check(tokenizer: PreTrainedTokenizerFast) -> None:
    """Raises ModelError unless whole words are one token and " action" + digit are two."""
    split = [w for w in whole_words() if len(tokenizer.tokenize(f" {w}")) != 1]
    if split:
        raise ModelError(
            f"{len(split)} words are no single token ({', '.join(split[:8])}): "
            "train the tokenizer again with tools/build_specimens.py."
        )
    if len(tokenizer.tokenize(" action1")) != 2:
        raise ModelError(f"' action1' is cut into {tokenizer.tokenize(' action1')}.")
