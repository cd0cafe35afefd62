"""What a run will take, predicted from the model's configuration file and the problems."""

import math

from microtome.lab.study import Cost
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.problem_set import problems_of, prompt_of

_TOKENS_PER_WORD = 1.6
"""Problems with numbers under common tokenizers; an estimate, not a count."""


def tokens_of(text: str) -> int:
    """About how many tokens a text has."""
    return math.ceil(_TOKENS_PER_WORD * len(text.split())) + 2


def prompt_tokens(study: Configuration) -> list[int]:
    """About how many tokens each prompt has."""
    return [tokens_of(prompt_of(problem, study)) for problem in problems_of(study)]


def generation_cost(study: Configuration, *, rows: int, steps: int, rounds: float = 1) -> Cost:
    """Every problem's prompt once and `rows` completions of `steps` tokens, `rounds` times."""
    from microtome.model.speed import arithmetic

    prompts = prompt_tokens(study)
    batches = math.ceil(rows / study.max_rows)
    tokens = sum(prompts) + len(prompts) * rows * steps
    flops = arithmetic(study.model).passes(tokens, readouts=len(prompts) * rows * steps)
    forwards = len(prompts) * (1 + batches * steps)
    return Cost(round(rounds * forwards), round(rounds * tokens), 0, rounds * flops)


def reading_cost(study: Configuration, *, texts: int, tokens: int) -> Cost:
    """`texts` given texts per problem of `tokens` tokens, each read whole after its prompt."""
    from microtome.model.speed import arithmetic

    prompts = prompt_tokens(study)
    read = texts * (sum(prompts) + tokens * len(prompts))
    flops = arithmetic(study.model).passes(read, readouts=texts * tokens * len(prompts))
    return Cost(texts * len(prompts), read, 0, flops)


def total(*costs: Cost, bytes: int = 0) -> Cost:
    """Costs added up, with what is written."""
    return Cost(
        sum(cost.forwards for cost in costs),
        sum(cost.tokens for cost in costs),
        bytes + sum(cost.bytes for cost in costs),
        sum(cost.flops for cost in costs),
    )


def speed_of(study: Configuration) -> float:
    """FLOP/s of this machine on single tokens of a batch, which is what generation passes."""
    from microtome.model.speed import flops_per_second

    return flops_per_second(
        study.model, device=study.device, dtype=study.dtype,
        rows=min(study.max_rows, study.samples), tokens=1,
    )  # fmt: skip


def memory_of(study: Configuration) -> int:
    """Bytes for the model, the largest batch with its cache, and the pooled sums."""
    from microtome.model.config import config_of
    from microtome.model.memory import predicted_bytes

    text = config_of(study.model).get_text_config()
    longest = max(study.max_new_tokens, study.cluster_tokens if study.cluster else 0)
    rows, width = max(study.samples, study.cluster_samples), int(text.hidden_size)
    layers = len(study.layers) or int(text.num_hidden_layers)
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    kept = max(prompt_tokens(study)) + longest
    cache = study.max_rows * kept * int(text.num_hidden_layers) * 2 * heads * head * 4
    pooled = (len(study.checkpoints) + 1) * 2 * layers * rows * width * 4
    return cache + pooled + predicted_bytes(
        study.model, dtype=study.dtype, rows=study.max_rows, tokens=max(prompt_tokens(study))
    )  # fmt: skip
