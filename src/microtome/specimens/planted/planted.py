"""`Planted`: one constructed model with its tokenizer, its prompts and its truth.

The truth of a corruption is the set of heads and MLPs whose interchange between the two prompts
moves the answer. L1H0 and L2_MLP always do. L0H0 hands on keys by position: exchanged keys change
what it writes where L1H0 looks; under exchanged values or another query it writes the same there,
so its effect is 0. In the OR-gate both branches are true and either is a right circuit: restoring
one head raises the answer to its full logit (the gate) and leaves the other answer's, still fed by
the other branch, where it was. So each head moves half of the logit difference, both ways.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from microtome.errors import ConfigError, suggest
from microtome.specimens.planted.builder import Builder
from microtome.specimens.planted.circuit import N_HEADS, N_LAYERS
from microtome.specimens.planted.gemma2 import gemma2_config, gemma2_weights
from microtome.specimens.planted.gpt2 import gpt2_config, gpt2_weights
from microtome.specimens.planted.task import (
    N_VALUES,
    Corruption,
    PlantedPair,
    build_tokenizer,
    check_corruption,
    sample,
)

Architecture = Literal["gpt2", "gemma2"]
WRITERS = {"gpt2": (gpt2_config, gpt2_weights), "gemma2": (gemma2_config, gemma2_weights)}


@dataclass(frozen=True)
class Planted:
    """A planted model, the same for the same arguments.

    `beta` (3 to 40): about how many nats of attention score the induction head gives the match
    (Gemma-2's soft-cap flattens it above 20). `or_gate`: a second branch that alone suffices.
    Raises ConfigError on a bad argument.
    """

    architecture: Architecture = "gpt2"
    beta: float = 8.0
    or_gate: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.architecture not in get_args(Architecture):
            raise ConfigError(
                f"No planted model of architecture {self.architecture!r} exists."
                f"{suggest(self.architecture, get_args(Architecture))}"
            )
        if not 3.0 <= self.beta <= 40.0:
            raise ConfigError(
                f"The planted model needs a beta between 3 and 40 nats, not {self.beta}."
            )

    @cached_property
    def model(self) -> PreTrainedModel:
        """The stock transformers model, fp32, in evaluation mode."""
        config, weights = WRITERS[self.architecture]
        generator = torch.Generator().manual_seed(self.seed)
        rotary = self.architecture == "gemma2"
        circuit = Builder(self.answers, self.beta, self.or_gate, rotary, generator).build()
        with torch.random.fork_rng(devices=[]):  # transformers draws weights that are replaced
            model = AutoModelForCausalLM.from_config(config())
        model.load_state_dict(weights(circuit, generator))
        return model.eval()

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Its tokenizer; puts `<bos>` in front."""
        return build_tokenizer()

    @cached_property
    def answers(self) -> np.ndarray:
        """π as indices of values [12]."""
        return np.random.default_rng([self.seed, 0]).permutation(N_VALUES)

    @cached_property
    def control(self) -> np.ndarray:
        """π′, which agrees with π nowhere: the metric of the permuted control [12]."""
        cycle = np.random.default_rng([self.seed, 1]).permutation(N_VALUES)
        shifted = np.empty_like(cycle)
        shifted[cycle] = np.roll(cycle, 1)
        return shifted[self.answers]

    @property
    def nodes(self) -> tuple[str, ...]:
        """All components, `L0H0` ... `L3H3` and `L0_MLP` ... `L3_MLP`."""
        heads = [f"L{layer}H{head}" for layer in range(N_LAYERS) for head in range(N_HEADS)]
        return (*heads, *(f"L{layer}_MLP" for layer in range(N_LAYERS)))

    @property
    def branches(self) -> tuple[tuple[str, str], ...]:
        """(previous-token head, induction head) of each branch; any one of them suffices."""
        return (("L0H0", "L1H0"), ("L0H2", "L1H2")) if self.or_gate else (("L0H0", "L1H0"),)

    def truth(self, corruption: Corruption) -> frozenset[str]:
        """Names of the nodes whose interchange between clean and corrupt changes the answer."""
        check_corruption(corruption)
        first = 0 if corruption == "keys" else 1
        return frozenset({"L2_MLP"}.union(*(branch[first:] for branch in self.branches)))

    def prompts(
        self, n: int, corruption: Corruption, seed: int = 0, permuted: bool = False
    ) -> list[PlantedPair]:
        """n pairs; `permuted` compares π′(v_i) with π′(v_j), where nothing is to be found."""
        return sample(n, corruption, self.answers, self.control, seed, permuted)

    def save(self, folder: Path | str) -> Path:
        """Writes weights, configuration and tokenizer for AutoModelForCausalLM to load."""
        path = Path(folder)
        self.model.save_pretrained(path)
        self.tokenizer.save_pretrained(path)
        return path
