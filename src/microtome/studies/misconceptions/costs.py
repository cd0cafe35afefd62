"""What a run will take, predicted from the configuration file of the model and the prompts."""

import math
from typing import TYPE_CHECKING

from microtome.lab.study import Cost
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.material import factor_pairs, of_role, pairs_of
from microtome.studies.misconceptions.pairs import Prompt

if TYPE_CHECKING:
    from microtome.model.speed import Arithmetic

_TOKENS_PER_WORD = 1.35
"""English under common tokenizers; an estimate, not a count."""
_BEHIND = 0.4
"""Share of a whole pass that a random set takes."""


def shape_of(study: Configuration) -> "Arithmetic":
    """Layers and FLOPs of the study's model."""
    from microtome.model.speed import arithmetic

    return arithmetic(study.model)


def speed_of(study: Configuration) -> float:
    """FLOP/s of this machine on batches as the study makes them."""
    from microtome.model.speed import flops_per_second

    lengths = [tokens_of(prompt) for prompt in _prompts(study)]
    return flops_per_second(
        study.model, device=study.device, dtype=study.dtype, rows=study.max_rows,
        tokens=round(sum(lengths) / len(lengths)),
    )  # fmt: skip


def memory_of(study: Configuration, layers: int) -> int:
    """Bytes for the model, a batch, and fp32 dictionaries of the stated width at every layer."""
    from microtome.model.config import config_of
    from microtome.model.memory import predicted_bytes

    longest = max(map(tokens_of, _prompts(study)))
    base = predicted_bytes(study.model, dtype=study.dtype, rows=study.max_rows, tokens=longest)
    d_model = int(config_of(study.model).get_text_config().hidden_size)
    d_dict = 2 * d_model if study.random_dictionary or study.specimen else _width(study.width)
    return base + layers * 2 * 4 * d_model * d_dict


def _width(text: str) -> int:
    """16k is 2¹⁴, 1m is 2²⁰, as repositories count."""
    number, unit = text[:-1], text[-1:].lower()
    scale = {"k": 2**10, "m": 2**20}.get(unit, 1)
    digits = number if scale > 1 else text
    return int(digits) * scale if digits.isdigit() else 2**14


def tokens_of(prompt: Prompt) -> int:
    """About how many tokens a prompt and its answer have."""
    return math.ceil(_TOKENS_PER_WORD * len(prompt.prompt.split())) + 3


def pass_cost(study: Configuration, *, passes: int, bytes_per_prompt: int) -> Cost:
    """Every prompt passes the model `passes` times."""
    return _cost(study, _prompts(study), passes, bytes_per_prompt)


def ablation_cost(study: Configuration, layers: int) -> Cost:
    """Selecting and tested pairs read once per layer; tested ones scored under every ablation."""
    pairs = pairs_of(study)
    select = [p for pair in of_role(pairs, "select") for p in pair.members]
    test = [p for pair in of_role(pairs, "test") for p in pair.members]
    first = _cost(study, [*select, *test], 2 * layers, 0)
    then = _cost(study, test, 2 * layers, 200)
    # A random set runs only the layers behind the one it writes to: on average about half of them,
    # from the first token that it writes to.
    controls = _cost(study, test, layers * study.controls, 0)
    return Cost(
        first.forwards + then.forwards + controls.forwards,
        first.tokens + then.tokens + controls.tokens, first.bytes + then.bytes,
        first.flops + then.flops + _BEHIND * controls.flops,
    )  # fmt: skip


def verdict_cost(study: Configuration, layers: int) -> Cost:
    """The pairs are read once per layer; every judged feature and its random sets are scored."""
    pairs = (*pairs_of(study), *factor_pairs(study))
    held_out = [p for role in ("test", "content") for pair in of_role(pairs, role)
                for p in pair.members]  # fmt: skip
    read = _cost(study, [p for pair in pairs for p in pair.members], layers, 0)
    judged = 1 if study.feature is not None else study.judged
    # Of each pair one member is scored: half of a pass per feature and set.
    sets = _cost(study, held_out[::2], judged * (study.controls + 2), 200)
    return Cost(
        read.forwards + sets.forwards,
        read.tokens + sets.tokens,
        sets.bytes,
        read.flops + _BEHIND * sets.flops,
    )


def factor_cost(study: Configuration) -> Cost:
    """The pairs of the factors pass once."""
    return _cost(study, [p for pair in factor_pairs(study) for p in pair.members], 1, 4000)


def _cost(study: Configuration, prompts: list[Prompt], passes: int, each: int) -> Cost:
    rows, tokens = passes * len(prompts), passes * sum(map(tokens_of, prompts))
    flops = shape_of(study).passes(tokens, readouts=rows)
    return Cost(rows, tokens, each * len(prompts), flops)


def _prompts(study: Configuration) -> list[Prompt]:
    return [prompt for pair in pairs_of(study) for prompt in pair.members]
