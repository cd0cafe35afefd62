"""What sensitivity and attribution will take, at most: as if every solution ran to its limit."""

import math
from typing import TYPE_CHECKING

from microtome.lab.study import Cost
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.costs import prompt_tokens
from microtome.studies.sampling.decisions import PAIRS

if TYPE_CHECKING:
    from microtome.model.speed import Arithmetic

_BYTES_PER_FORK = 3000
_BYTES_PER_COMPONENT = 90


def sensitivity_cost(study: Configuration) -> Cost:
    """Per fork its prefix, its branch, and the samples from it."""
    forks, whole = _forks(study), study.max_new_tokens + study.branch_tokens
    branch = whole // 2 if study.finish_branches else study.branch_tokens
    passes = tokens = readouts = 0
    prompts = prompt_tokens(study)
    for prompt in prompts:
        prefixes = forks * (prompt + study.max_new_tokens // 2)
        drawn = forks * study.continuations * study.branch_tokens
        solution = 2 * (prompt + whole)
        branched = prefixes + forks * branch
        tokens += solution + branched + drawn + (prefixes if drawn else 0)
        readouts += whole * 2 + forks * branch + drawn
        batches = math.ceil(forks / study.max_rows)
        passes += whole + batches * whole + (forks * study.branch_tokens if drawn else 0)
    flops = shape_of(study).passes(tokens, readouts)
    return Cost(passes, tokens, _BYTES_PER_FORK * forks * len(prompts), flops)


def attribution_cost(study: Configuration) -> Cost:
    """Per fork one pass there, one elsewhere and two ablated."""
    shape, passes = shape_of(study), 4 * study.top_n_points
    longest = max(prompt_tokens(study)) + study.max_new_tokens // 2
    rows = (PAIRS + 2) * shape.layers * (shape.heads + 2) * study.top_n_points
    flops = shape.passes(passes * longest, passes)
    return Cost(passes, passes * longest, _BYTES_PER_COMPONENT * rows, flops)


def shape_of(study: Configuration) -> "Arithmetic":
    """Layers, heads and FLOPs of the study's model."""
    from microtome.model.speed import arithmetic

    return arithmetic(study.model)


def _forks(study: Configuration) -> int:
    return math.ceil(study.max_new_tokens / study.interval)
