"""The planted task: `<bos> k1 v1 k2 v2 k3 v3 k4 v4 kq`, continued by π(v_q).

v_q is the value that follows the queried key and π a fixed permutation of the value tokens. A pair
is a clean prompt and a corrupted one of the same length, equal but for the tokens named here; i is
the queried slot and j another one. In both the corrupted answer is π(v_j):

    keys      k_i and k_j change places in the context     (k_q stays)
    queries   k_q = k_i becomes k_j                        (the context stays)
    values    v_i and v_j change places in the context     (k_q stays)
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from microtome.errors import ConfigError, suggest

Corruption = Literal["keys", "queries", "values"]
CORRUPTIONS: tuple[Corruption, ...] = get_args(Corruption)
N_KEYS = N_VALUES = 12
N_SLOTS = 4
SPECIAL = ("<pad>", "<bos>", "<unk>")
KEYS = tuple(f"k{index}" for index in range(N_KEYS))
VALUES = tuple(f"v{index}" for index in range(N_VALUES))
VOCABULARY = (*SPECIAL, *KEYS, *VALUES)
N_POSITIONS = 16


@dataclass(frozen=True)
class PlantedPair:
    """A clean and a corrupted prompt, token by token of the same length (10 with `<bos>`).

    `answer` and `other` are the continuations compared, each one token with its leading space:
    π(v_q) and the corrupted prompt's answer, or two unrelated values in the permuted control.
    """

    clean: str
    corrupt: str
    answer: str
    other: str


def check_corruption(corruption: str) -> None:
    """Raises ConfigError unless `corruption` is one of CORRUPTIONS."""
    if corruption not in CORRUPTIONS:
        raise ConfigError(
            f"The planted task has no corruption {corruption!r}.{suggest(corruption, CORRUPTIONS)}"
        )


def sample(
    n: int,
    corruption: Corruption,
    answers: np.ndarray,
    control: np.ndarray,
    seed: int,
    permuted: bool = False,
) -> list[PlantedPair]:
    """n random pairs; `answers` is π and `control` π′ (the metric of the permuted control).

    The same seed gives the same prompts for every corruption, permuted or not: those whose four
    tokens π(v_i), π(v_j), π′(v_i), π′(v_j) are not all different are drawn again.
    """
    check_corruption(corruption)
    rng = np.random.default_rng(seed)
    metric = control if permuted else answers
    pairs: list[PlantedPair] = []
    while len(pairs) < n:
        keys = rng.choice(N_KEYS, N_SLOTS, replace=False)
        values = rng.choice(N_VALUES, N_SLOTS, replace=False)
        i, j = rng.choice(N_SLOTS, 2, replace=False)
        compared = values[[i, j]]
        if len({*answers[compared], *control[compared]}) < 4:
            continue
        clean = _text(keys, values, keys[i])
        corrupt = _corrupted(keys, values, int(i), int(j), corruption)
        answer, other = (f" {VALUES[token]}" for token in metric[compared])
        pairs.append(PlantedPair(clean, corrupt, answer, other))
    return pairs


def _corrupted(keys: np.ndarray, values: np.ndarray, i: int, j: int, corruption: Corruption) -> str:
    exchanged = np.arange(N_SLOTS)
    exchanged[[i, j]] = j, i
    if corruption == "keys":
        return _text(keys[exchanged], values, keys[i])
    if corruption == "queries":
        return _text(keys, values, keys[j])
    return _text(keys, values[exchanged], keys[i])


def _text(keys: np.ndarray, values: np.ndarray, query: int) -> str:
    slots = [f"{KEYS[key]} {VALUES[value]}" for key, value in zip(keys, values, strict=True)]
    return " ".join([*slots, KEYS[query]])


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Whole words split at blanks, `<bos>` put in front; saved and loaded by AutoTokenizer."""
    vocabulary = {word: index for index, word in enumerate(VOCABULARY)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", vocabulary["<bos>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<pad>",
        unk_token="<unk>",
        model_max_length=N_POSITIONS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
