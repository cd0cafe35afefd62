"""Exact patching of planted models by a hook loop that shares no code with microtome's engine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from microtome.specimens.planted import Planted, PlantedPair
from microtome.statistics import Level, mean, mean_is_0

ARCHITECTURES = ("gpt2", "gemma2")
SETTINGS = ((3.0, False), (20.0, False), (3.0, True), (20.0, True))
EVERY = [(a, beta, gate) for a in ARCHITECTURES for beta, gate in SETTINGS]
D_HEAD = 32
FLOOR = 0.5  # logits: the smallest mean effect that anyone would claim (the circuit's are above 5)


def ids(planted: Planted, texts: list[str]) -> Tensor:
    return planted.tokenizer(texts, return_tensors="pt").input_ids


def answer_ids(planted: Planted, pairs: list[PlantedPair]) -> tuple[Tensor, Tensor]:
    def one(texts: list[str]) -> Tensor:
        return planted.tokenizer(texts, add_special_tokens=False, return_tensors="pt").input_ids

    answers, others = one([p.answer for p in pairs]), one([p.other for p in pairs])
    assert answers.shape == others.shape == (len(pairs), 1)
    return answers[:, 0], others[:, 0]


@torch.no_grad()
def last_logits(planted: Planted, texts: list[str]) -> Tensor:
    return planted.model(ids(planted, texts)).logits[:, -1]


def module_of(planted: Planted, node: str) -> nn.Module:
    """The MLP, or the output projection whose input holds the head."""
    layer = int(node[1])
    if planted.architecture == "gpt2":
        block = planted.model.transformer.h[layer]
        return block.mlp if node.endswith("MLP") else block.attn.c_proj
    block = planted.model.model.layers[layer]
    return block.mlp if node.endswith("MLP") else block.self_attn.o_proj


def columns(node: str) -> slice:
    head = int(node.split("H")[1])
    return slice(head * D_HEAD, (head + 1) * D_HEAD)


@contextmanager
def tapped(planted: Planted, node: str, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """`change` sees a node's output (a head's before the output projection) and replaces it."""

    def before(_: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
        x = args[0].clone()
        x[..., columns(node)] = change(x[..., columns(node)])
        return (x,)

    module = module_of(planted, node)
    if node.endswith("MLP"):
        handle = module.register_forward_hook(lambda _, __, out: change(out))
    else:
        handle = module.register_forward_pre_hook(before)
    try:
        yield
    finally:
        handle.remove()


def outputs(planted: Planted, texts: list[str]) -> dict[str, Tensor]:
    """What every node puts out, heads before the output projection."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[Tensor], Tensor]:
        return lambda x: found.setdefault(name, x.clone())

    with ExitStack() as stack:
        for node in planted.nodes:
            stack.enter_context(tapped(planted, node, keep(node)))
        last_logits(planted, texts)
    return found


def change(planted: Planted, node: str, one: Tensor, two: Tensor) -> float:
    """|one − two| / |one| of what the node writes: a head through its rows of W_O."""
    if "H" in node:
        weight = module_of(planted, node).weight.detach()
        rows = (weight if planted.architecture == "gpt2" else weight.T)[columns(node)]
        one, two = one @ rows, two @ rows
    return float((one - two).norm() / one.norm())


def restored(planted: Planted, pairs: list[PlantedPair], nodes: list[str]) -> Tensor:
    """Last logits of the corrupted prompts with these nodes' clean outputs put in, one by one."""
    clean = outputs(planted, [p.clean for p in pairs])
    found = []
    for node in nodes:
        with tapped(planted, node, lambda _, value=clean[node]: value):
            found.append(last_logits(planted, [p.corrupt for p in pairs]))
    return torch.stack(found)


def gap(logits: Tensor, answer: Tensor, other: Tensor) -> Tensor:
    rows = torch.arange(len(answer))
    return logits[..., rows, answer] - logits[..., rows, other]


def exact_effects(planted: Planted, pairs: list[PlantedPair]) -> tuple[np.ndarray, float]:
    """Effects "node pair" in logits, and the whole clean − corrupt difference (mean)."""
    answer, other = answer_ids(planted, pairs)
    corrupt = gap(last_logits(planted, [p.corrupt for p in pairs]), answer, other)
    clean = gap(last_logits(planted, [p.clean for p in pairs]), answer, other)
    patched = gap(restored(planted, pairs, list(planted.nodes)), answer, other)
    return (patched - corrupt).numpy(), float((clean - corrupt).mean())


def claimed(
    planted: Planted, effects: np.ndarray, pairs: list[PlantedPair], floor: float = FLOOR
) -> frozenset[str]:
    """Nodes with a mean effect that is not 0 (max-T) and lies beyond ±floor (intervals), at 5 %.

    Both hold for all nodes together and resample pairs of answers, the unit the effects share.
    """
    clusters = [frozenset((pair.answer, pair.other)) for pair in pairs]
    p_values = mean_is_0(effects.T, clusters).p
    found = set()
    for node, values, p in zip(planted.nodes, effects, p_values, strict=True):
        if abs(values.mean()) <= floor:  # the interval holds the mean: it cannot lie beyond
            continue
        low, high = mean(values, clusters, Level(1 - 0.05 / len(effects))).ends or (0.0, 0.0)
        if p <= 0.05 and (low > floor or high < -floor):
            found.add(node)
    return frozenset(found)
