"""Completions of a problem with their latents, as every step draws them."""

from collections.abc import Sequence

import microtome as mt
from microtome.data.problems import Problem
from microtome.files import digest
from microtome.model.sampling import Pooling, Samples, sample
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.problem_set import prompt_of


def pooling_of(study: Configuration, step: str, checkpoints: Sequence[int]) -> Pooling:
    """Residual streams of the chosen layers, pooled with the stride of the step."""
    layers = tuple(mt.resid_post[layer] for layer in study.layers) or (mt.resid_post[:],)
    return Pooling(layers, study.stride_of(step), tuple(sorted(set(checkpoints))))


def layers_of(model: "mt.Model", study: Configuration) -> list[int]:
    """The pooled layers, counted from 0."""
    return [layer % model.n_layers for layer in study.layers] or list(range(model.n_layers))


def seed_of(study: Configuration, problem: Problem) -> int:
    """A seed for each problem: draws shared by problems would not be independent."""
    return int(digest([study.seed, problem.id])[:12], 16)


def drawn(
    model: "mt.Model",
    problem: Problem,
    study: Configuration,
    pooling: Pooling,
    *,
    n: int,
    temperature: float,
    longest: int,
    forced: Sequence[int] = (),
) -> Samples:
    """`n` completions, one at temperature 0; sample i draws alike in every step."""
    return sample(
        model, prompt_of(problem, study), n=n if temperature > 0 else 1, temperature=temperature,
        max_new_tokens=longest, seed=seed_of(study, problem), forced=forced, pooling=pooling,
        batch=study.max_rows, chat=study.chat,
    )  # fmt: skip


def pooled_rows(samples: Samples, checkpoint: int, members: int = 1) -> list[int]:
    """The completions that have at least so many members of S."""
    counts = samples.counts(checkpoint).tolist()
    return [row for row, count in enumerate(counts) if count >= members]
