"""Heads and MLPs of one fine-tune among those of another, on prompts that both read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import microtome as mt
from microtome.data.prompts import Prompt
from microtome.statistics import Floats
from microtome.studies.dilemmas.configuration import Configuration


@dataclass(frozen=True, eq=False)
class Exchange:
    """Components of `source` among those of `target`."""

    source: "mt.Model"
    target: "mt.Model"
    study: Configuration

    @property
    def sites(self) -> "list[mt.Site]":
        """What is exchanged: every head and every MLP."""
        return [mt.head_out[:, :], mt.mlp_out[:]]

    def gaps(self, prompts: Sequence[Prompt]) -> Floats:
        """Δ of the source minus that of the target, "prompt"."""
        from microtome.methods.readout import delta_of_logits

        ids, directions = self._asked(prompts)
        source, target = (
            [
                float(delta_of_logits(row, direction))
                for row, direction in zip(
                    model.run(ids, logits="last").final_logits, directions, strict=True
                )
            ]
            for model in (self.source, self.target)
        )
        return np.array(source) - np.array(target)

    def smallest(self, prompts: Sequence[Prompt]) -> "mt.Circuit":
        """The circuit of the source against the target, found on these prompts."""
        ids, directions = self._asked(prompts)
        return mt.find_circuit(
            self.source, ids, self.target, self.sites, directions,
            tau=self.study.tau, n_random=0, seed=self.study.seed,
        )  # fmt: skip

    def assessed(self, prompts: Sequence[Prompt], members: Sequence[str]) -> "mt.Circuit":
        """A given circuit on other prompts, against random ones of its size and kinds."""
        ids, directions = self._asked(prompts)
        return mt.assess_circuit(
            self.source, ids, self.target, self.sites, directions, members,
            tau=self.study.tau, n_random=self.study.random_circuits, seed=self.study.seed,
        )  # fmt: skip

    def _asked(
        self, prompts: Sequence[Prompt]
    ) -> "tuple[list[tuple[int, ...]], list[mt.Direction]]":
        first, second, chat = self.study.first, self.study.second, self.study.chat
        answers = [self.source.answers(p.prompt, first, second, chat=chat) for p in prompts]
        return [a.ids for a in answers], [a.direction(self.source) for a in answers]
