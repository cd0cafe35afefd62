"""Is the intended mechanism of a crossed prefix the one that runs? Confirmed by ablation.

Hiding the words that a mechanism needs (the source of copying, the subject of recall, the operands
of computing) from every later token must take more than half of the answer's probability, and
hiding those of any other mechanism must not. The probability is that of the answer among all
answers of its kind (60 cities or 12 months): whether a lead such as "They say it is" comes before
it is a matter of form, and at most a third of it remains for a bare word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microtome.specimens.world.facts.ablation import probabilities
from microtome.specimens.world.facts.prefixes import Crossed
from microtome.specimens.world.facts.situation import subjects
from microtome.specimens.world.facts.statements import Way


@dataclass(frozen=True)
class Confirmation:
    """P(answer among its kind) of a crossed prefix: whole, and with the words of a way hidden."""

    prefix: Crossed
    whole: float
    without: Mapping[Way, float]

    @property
    def confirmed(self) -> bool:
        """Known (P at least a half), lost with its own words and with no others."""
        lost = {way for way, p in self.without.items() if p < 0.5 * self.whole}
        return self.whole >= 0.5 and lost == {self.prefix.way}


def confirm(model: Any, tokenizer: Any, prefixes: Sequence[Crossed]) -> list[Confirmation]:
    """The confirmation of each prefix: one pass, and one for each way of its situation."""
    pairs = [(p.text, p.answer) for p in prefixes]
    among = [[f" {value}" for value in subjects(p.situation.matter)] for p in prefixes]
    whole = probabilities(model, tokenizer, pairs, among=among).tolist()
    jobs = [(i, way) for i, p in enumerate(prefixes) for way in p.spans]
    spans = [[prefixes[i].spans[way]] for i, way in jobs]
    which = [i for i, _ in jobs]
    hidden = probabilities(
        model, tokenizer, [pairs[i] for i in which], spans, [among[i] for i in which]
    ).tolist()
    without: list[dict[Way, float]] = [{} for _ in prefixes]
    for (i, way), p in zip(jobs, hidden, strict=True):
        without[i][way] = p
    return [Confirmation(*found) for found in zip(prefixes, whole, without, strict=True)]
