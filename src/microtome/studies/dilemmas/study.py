"""The dilemmas study: one model and its fine-tunes in the iterated prisoner's dilemma.

What each model chooses (`behaviour`), at which layer (`lens`), written by whom (`attribution`),
what a component swapped between fine-tunes changes (`patching`), which few of them carry the
difference together (`circuits`), and what that answers (`comparison`). Every Δ is
logit(defect) − logit(cooperate) where the two answers part; positive means defection.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from microtome.lab.claims import Question
from microtome.lab.study import Step
from microtome.studies.dilemmas.attribution import Attribution
from microtome.studies.dilemmas.behaviour import Behaviour
from microtome.studies.dilemmas.circuits import Circuits
from microtome.studies.dilemmas.comparison import Comparison
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.costs import memory_of, speed_of
from microtome.studies.dilemmas.lens import Lens
from microtome.studies.dilemmas.models import load_models
from microtome.studies.dilemmas.patching import Patching
from microtome.studies.dilemmas.rehearsal import stand_in
from microtome.studies.dilemmas.sources import sources_of

if TYPE_CHECKING:
    import microtome as mt


class Dilemmas(Configuration):
    """What a model and its fine-tunes do in the iterated prisoner's dilemma, and how."""

    questions: ClassVar[tuple[Question, ...]] = (
        Question("choice", "What does each model choose, and does it answer the opponent?"),
        Question("origin", "At which layer does the choice appear, and which components write it?"),
        Question("difference", "Which components carry the difference between two fine-tunes?"),
        Question("suppressed", "Which components for defection does training suppress?"),
        Question("distinct", "Do two fine-tunes use distinct components and circuits?"),
        Question("targets", "Which weights would a targeted fine-tuning have to train?"),
    )

    def chain(self) -> tuple[Step, ...]:
        return (Behaviour(), Lens(), Attribution(), Patching(), Circuits(), Comparison())

    def provenance(self) -> dict[str, Any]:
        return sources_of(self)

    def warm(self) -> "dict[str, mt.Model]":
        return load_models(self)

    def speed(self) -> float:
        return speed_of(self)

    def memory(self) -> int:
        return memory_of(self)

    def dry(self) -> "Dilemmas":
        return self.model_copy(update=stand_in(self))

    @classmethod
    def demo(cls) -> "Dilemmas":
        """All steps on the embedded specimen, with nine further wordings per scenario.

        Intervals are over wordings: five scenarios are too few to show anything at 5 %. A circuit
        is compared with 99 random sets; 199 would take half a minute more.
        """
        return cls(
            model="specimen:world", wordings=9, resample="wordings", random_circuits=99
        )  # fmt: skip
