"""The misconceptions study: which sparse features tell right physics from a misconception.

What the model answers (`prompts`), which features fire (`features`), which of them differ between
the members of minimal pairs, found on one half and tested on the other (`contrast`), whether those
know the voice or the domain (`factors`), what ablating them does to
log p(right) − log p(misconception) beside matched random atoms (`ablate`), and all of it in one
verdict a feature (`verdicts`).
"""

from typing import Any, ClassVar

from microtome.lab.claims import Question
from microtome.lab.study import Step
from microtome.studies.misconceptions.ablate import Ablate
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrast import Contrast
from microtome.studies.misconceptions.costs import memory_of, speed_of
from microtome.studies.misconceptions.factors import Factors
from microtome.studies.misconceptions.features import Features
from microtome.studies.misconceptions.prompts import Prompts
from microtome.studies.misconceptions.rehearsal import stand_in
from microtome.studies.misconceptions.shelf import layers_of
from microtome.studies.misconceptions.sources import sources_of
from microtome.studies.misconceptions.verdicts import Verdicts
from microtome.studies.misconceptions.warm import Warm, load


class Misconceptions(Configuration):
    """Right physics against a common misconception, in sparse features."""

    questions: ClassVar[tuple[Question, ...]] = (
        Question("answers", "Does the model answer as the voice of the prompt suggests?"),
        Question("dictionaries", "How much of the model's state do the features explain?"),
        Question("features", "Which features differ between right and mistaken members?"),
        Question("specific", "Are they of the voice, of what is stated, or of the domain?"),
        Question("cause", "Does the answer change when they are ablated?"),
        Question("verdict", "Which feature predicts the answer, causes it, and is specific?"),
    )

    def chain(self) -> tuple[Step, ...]:
        return (Prompts(), Features(), Contrast(), Factors(), Ablate(), Verdicts())

    def provenance(self) -> dict[str, Any]:
        return sources_of(self)

    def warm(self) -> Warm:
        return load(self)

    def speed(self) -> float:
        return speed_of(self)

    def memory(self) -> int:
        return memory_of(self, len(layers_of(self)))

    def dry(self) -> "Misconceptions":
        return self.model_copy(update=stand_in(self))

    @classmethod
    def demo(cls) -> "Misconceptions":
        """All steps on the embedded specimen and its own dictionaries."""
        return cls(model="specimen:world")
