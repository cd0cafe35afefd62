"""What a run will take, predicted from the configuration file of the model and the prompts."""

import math
from typing import TYPE_CHECKING

from microtome.lab.study import Cost
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.wordings import prompts_of

if TYPE_CHECKING:
    from microtome.model.speed import Arithmetic

_TOKENS_PER_WORD = 1.35
"""English with a few digits under common tokenizers; an estimate, not a count."""
_NARROWED = 0.85
"""Share of a block's matrices behind its attention: output projection and MLP."""


def shape_of(study: Configuration) -> "Arithmetic":
    """Layers, heads and FLOPs of the study's base model."""
    from microtome.model.speed import arithmetic

    return arithmetic(study.model)


def speed_of(study: Configuration) -> float:
    """FLOP/s of this machine on batches as the study makes them."""
    from microtome.model.speed import flops_per_second

    lengths = [tokens_of(p.prompt) for prompts in prompts_of(study).values() for p in prompts]
    mean = round(sum(lengths) / len(lengths))
    return flops_per_second(
        study.model, device=study.device, dtype=study.dtype, rows=study.max_rows, tokens=mean
    )


def memory_of(study: Configuration) -> int:
    """Bytes for the base model, the adapters and a batch as the study makes them."""
    from microtome.model.memory import predicted_bytes
    from microtome.model.source import adapter_source, model_source
    from microtome.studies.dilemmas.models import adapter_of

    base = model_source(study.model, weights=False)
    longest = max(tokens_of(p.prompt) for prompts in prompts_of(study).values() for p in prompts)
    folders = [adapter_source(adapter_of(study, n), base).path for n in study.adapter_names()]
    return predicted_bytes(
        study.model, dtype=study.dtype, rows=study.max_rows, tokens=longest, adapters=folders
    )


def replayed_share(layers: int) -> float:
    """Part of a whole pass that a replay takes, mean over patches in every layer.

    A patch in layer l replays the layers from l on; of the last one most is done at the answer's
    position alone, unless the patch is in that layer.
    """
    return ((layers + 1) / 2 - _NARROWED * (layers - 1) / layers) / layers


def tokens_of(text: str) -> int:
    """About how many tokens a prompt and its answer have."""
    return math.ceil(_TOKENS_PER_WORD * len(text.split())) + 3


def prompt_cost(study: Configuration, *, passes: int, bytes_per_prompt: int) -> Cost:
    """Every model reads every prompt `passes` times."""
    texts = [prompt.prompt for prompts in prompts_of(study).values() for prompt in prompts]
    rows = len(study.models) * len(texts)
    tokens = len(study.models) * sum(map(tokens_of, texts))
    flops = passes * shape_of(study).passes(tokens, readouts=rows)
    return Cost(passes * rows, passes * tokens, bytes_per_prompt * rows, flops)
