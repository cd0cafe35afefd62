"""What a run will take, predicted from the configuration file of the model and the prompts."""

import math
from dataclasses import dataclass

from microtome.lab.study import Cost
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.wordings import prompts_of

_TOKENS_PER_WORD = 1.35
"""English with a few digits under common tokenizers; an estimate, not a count."""


@dataclass(frozen=True)
class Shape:
    """Layers and query heads of a model, read from its configuration alone."""

    layers: int
    heads: int

    @property
    def nodes(self) -> int:
        """Components patched one by one: heads, and per layer attention, MLP, residual stream."""
        return self.layers * (self.heads + 3)


def shape_of(study: Configuration) -> Shape:
    """The shape of the study's base model."""
    from transformers import AutoConfig

    from microtome.model.source import model_source

    path = model_source(study.model, weights=False).path
    config = AutoConfig.from_pretrained(path).get_text_config()
    return Shape(int(config.num_hidden_layers), int(config.num_attention_heads))


def tokens_of(text: str) -> int:
    """About how many tokens a prompt and its answer have."""
    return math.ceil(_TOKENS_PER_WORD * len(text.split())) + 3


def prompt_cost(study: Configuration, *, passes: int, bytes_per_prompt: int) -> Cost:
    """Every model reads every prompt `passes` times."""
    texts = [prompt.prompt for prompts in prompts_of(study).values() for prompt in prompts]
    rows = len(study.models) * len(texts)
    tokens = len(study.models) * sum(map(tokens_of, texts))
    return Cost(passes * rows, passes * tokens, bytes_per_prompt * rows)
