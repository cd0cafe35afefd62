"""Draws a planted circuit: its heads, its lookup table and the distractors around them.

Active distractors: L0H1 and L1H1 share the attention pattern of the circuit's heads and write where
nobody reads; L2H3 adds the same vector to the logits of every prompt; every other head and MLP is
random, reads and writes everything. The OR-gate has a second branch L0H2 -> L1H2 and lookup neurons
clipped (GATE: opens, saturates), so that one branch alone saturates them. The stream's length is
followed from layer to layer, for the norms.
"""

import numpy as np
import torch
from torch import Tensor

from microtome.specimens.planted.circuit import (
    D_HEAD,
    D_MLP,
    D_MODEL,
    D_VALUE,
    N_LAYERS,
    ROTARY_BASE,
    Attention,
    Circuit,
    Head,
    Mlp,
    draw_codes,
)
from microtome.specimens.planted.task import N_KEYS, N_POSITIONS, N_SLOTS, N_VALUES, VOCABULARY

PREVIOUS_SHARPNESS = 10.0  # nats by which the previous token beats every other position
NOISE = 0.25  # length of what a random head or MLP writes; a planted head writes length 1
OUT_LENGTH, CONSTANT_LENGTH = 3.0, 0.8  # lengths that L2_MLP and L2H3 write
THRESHOLD, GATE, STEEPNESS = 0.35, (0.5, 0.75), 12.0  # of lookup neurons, in units of copied(v)
ANSWER_LOGIT = 14.0
HALF = D_HEAD // 2
# Rotary pair i turns by base^(-i/HALF) per position: pairs 8 and up hardly turn within a prompt and
# carry content, the first three tell neighbouring positions apart.
CONTENT = [*range(HALF // 2, HALF), *range(HALF + HALF // 2, D_HEAD)][:N_KEYS]


class Builder:
    """One drawing; `rotary` says how positions are known (else by learned codes)."""

    def __init__(
        self,
        answers: np.ndarray,
        beta: float,
        or_gate: bool,
        rotary: bool,
        generator: torch.Generator,
    ) -> None:
        self.generator = generator
        self.answers = torch.as_tensor(answers)
        self.beta, self.or_gate, self.rotary = beta, or_gate, rotary
        self.codes = draw_codes(generator)

    def build(self) -> Circuit:
        """The whole circuit."""
        squared = 2.0 if self.rotary else 3.0  # token, constant and position codes of length 1
        layers = []
        for index in range(N_LAYERS):
            attention = self._attention(index, squared**0.5)
            squared += attention.written**2
            mlp = (self._lookup if index == 2 else self._random_mlp)(squared**0.5)
            squared += mlp.written**2
            layers.append((attention, mlp))
        return Circuit(self.codes, tuple(layers), self._unembed(), squared**0.5)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def _attention(self, index: int, length: float) -> Attention:
        keys = [self._normal(D_MODEL, D_HEAD) / length for _ in range(2)]
        heads = [self._random_head(length) for _ in range(4)]
        squared = NOISE**2
        if index == 0:
            squared += self._plant_previous(keys, heads)
        if index == 1:
            squared += self._plant_induction(keys, heads)
        if index == 2:
            heads[3] = self._constant_head()
            squared += CONSTANT_LENGTH**2
        return Attention(tuple(keys), tuple(heads), length, squared**0.5)

    def _plant_previous(self, keys: list[Tensor], heads: list[Head]) -> float:
        """Puts in L0H0, its decoy and the second branch; returns their squared length."""
        for branch in range(1 + self.or_gate):
            query, keys[branch] = self._one_back()
            heads[2 * branch] = self._copier(query, self.codes.key, self.codes.previous[branch])
        heads[1] = self._decoy(heads[0].query, self.codes.token)
        return 2.0 + self.or_gate

    def _plant_induction(self, keys: list[Tensor], heads: list[Head]) -> float:
        """Puts in L1H0, its decoy and the second branch; returns their squared length."""
        attended = 1 / (1 + (2 * N_SLOTS + 1) * np.exp(-self.beta))
        for branch in range(1 + self.or_gate):
            query, keys[branch] = self._match(branch)
            heads[2 * branch] = self._copier(query, self.codes.value, self.codes.copied / attended)
        heads[1] = self._decoy(heads[0].query, self.codes.value)
        return 1.0 + (1 + self.or_gate) ** 2  # both branches write the same code

    def _one_back(self) -> tuple[Tensor, Tensor]:
        """Query and key that meet one position back."""
        query, key = torch.zeros(D_MODEL, D_HEAD), torch.zeros(D_MODEL, D_HEAD)
        sharpness = PREVIOUS_SHARPNESS * D_HEAD**0.5
        if not self.rotary:
            codes = self.codes.position.T
            key[:, :N_POSITIONS] = codes
            query[:, : N_POSITIONS - 1] = sharpness * codes[:, 1:]
            return query, key
        angles = ROTARY_BASE ** (-torch.arange(3) / HALF)
        aim, turned = torch.zeros(D_HEAD), torch.zeros(D_HEAD)
        aim[:3], turned[:3], turned[HALF : HALF + 3] = 1.0, angles.cos(), angles.sin()
        # The slowest pair is the same for all positions: it keeps the peak off the soft-cap.
        aim[HALF - 1], turned[HALF - 1] = 2.5, -1.0
        aim *= sharpness / (1 - angles.cos()).sum()  # the score lost one position further
        constant = self.codes.constant[0]
        return torch.outer(constant, aim), torch.outer(constant, turned)

    def _match(self, branch: int) -> tuple[Tensor, Tensor]:
        """Query from the token's key, key from the key before it: β nats where they agree."""
        query, key = torch.zeros(D_MODEL, D_HEAD), torch.zeros(D_MODEL, D_HEAD)
        query[:, CONTENT] = self.beta * D_HEAD**0.5 * self.codes.key.T
        key[:, CONTENT] = self.codes.previous[branch].T
        return query, key

    def _copier(self, query: Tensor, source: Tensor, target: Tensor) -> Head:
        """Moves code i of `source` to code i of `target`, through a random basis of d_value."""
        basis = torch.linalg.qr(self._normal(D_VALUE, D_VALUE)).Q[: len(source)]
        return Head(query, source.T @ basis, basis.T @ target)

    def _decoy(self, query: Tensor, source: Tensor) -> Head:
        """Random unit images of the `source` codes, written where nobody reads."""
        output = self._normal(D_VALUE, N_VALUES) @ self.codes.unread
        images = self._normal(len(source), D_VALUE)
        images /= (images @ output).norm(dim=1, keepdim=True)
        return Head(query, source.T @ images, output)

    def _random_head(self, length: float) -> Head:
        query = self._normal(D_MODEL, D_HEAD) / length
        value = self._normal(D_MODEL, D_VALUE) / length / D_VALUE**0.5
        return Head(query, value, NOISE * self._normal(D_VALUE, D_MODEL) / D_MODEL**0.5)

    def _constant_head(self) -> Head:
        drawn = self._normal(N_VALUES)
        written = CONSTANT_LENGTH * drawn / drawn.norm() @ self.codes.out
        silent = torch.zeros(D_MODEL, D_VALUE)
        return Head(self._normal(D_MODEL, D_HEAD), silent, silent.T, written)

    def _random_mlp(self, length: float) -> Mlp:
        read = self._normal(D_MODEL, D_MLP) / length
        write = NOISE * self._normal(D_MLP, D_MODEL) / (0.4 * D_MLP * D_MODEL) ** 0.5
        return Mlp(read, write, length, NOISE)

    def _lookup(self, length: float) -> Mlp:
        """One neuron per value, in the OR-gate a second one that clips it; the rest random."""
        opens, full = GATE if self.or_gate else (THRESHOLD, 1.0)
        edges = {opens: 1.0, full: -1.0} if self.or_gate else {opens: 1.0}
        height = STEEPNESS * (full - opens)
        random, used = self._random_mlp(length), N_VALUES * len(edges)
        reads = [(self.codes.copied - edge * self.codes.constant).T for edge in edges]
        writes = [sign * self.codes.out[self.answers] for sign in edges.values()]
        read = torch.cat([STEEPNESS * torch.cat(reads, 1), random.read[:, used:]], 1)
        write = torch.cat([torch.cat(writes) * OUT_LENGTH / height, random.write[used:]])
        # Always on, unread: without it a post-norm would give every output the same length.
        read[:, -1:] = STEEPNESS * self.codes.constant.T
        write[-1:] = OUT_LENGTH / STEEPNESS * self.codes.unread[:1]
        return Mlp(read, write, length, 2**0.5 * OUT_LENGTH)

    def _unembed(self) -> Tensor:
        rows = 0.2 * self._normal(len(VOCABULARY), D_MODEL) / D_MODEL**0.5
        rows[-N_VALUES:] += ANSWER_LOGIT / OUT_LENGTH * self.codes.out
        return rows
