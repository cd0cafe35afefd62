"""The sampling study: the geometry of what a model might have said.

How far temperature spreads the states of completions (`variance`), how far they are from an
oracle's solution (`manifold`), also when its beginning is forced (`drift`), where one token
changes the rest (`sensitivity`), which layers decide there (`attribution`), and whether many right
solutions are many methods (`clusters`).
"""

from typing import TYPE_CHECKING, Any, ClassVar

from microtome.lab.claims import Question
from microtome.lab.study import Step
from microtome.studies.sampling.attribution import Attribution
from microtome.studies.sampling.clusters import Clusters
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.costs import memory_of, speed_of
from microtome.studies.sampling.drift import Drift
from microtome.studies.sampling.manifold import Manifold
from microtome.studies.sampling.rehearsal import stand_in
from microtome.studies.sampling.sensitivity import Sensitivity
from microtome.studies.sampling.sources import sources_of
from microtome.studies.sampling.variance import Variance

if TYPE_CHECKING:
    import microtome as mt


class Sampling(Configuration):
    """The geometry of what a model might have said."""

    questions: ClassVar[tuple[Question, ...]] = (
        Question("spread", "How far do solutions of one problem spread, and what changes that?"),
        Question("oracle", "How far is the model from an oracle, and does its beginning help?"),
        Question("forks", "At which token does one other word change what follows?"),
        Question("deciders", "Which layers and components decide there?"),
        Question("methods", "Are many right solutions many methods?"),
    )

    def chain(self) -> tuple[Step, ...]:
        steps = (Variance(), Manifold(), Drift(), Sensitivity(), Attribution(), Clusters())
        return steps if self.cluster else steps[:-1]

    def provenance(self) -> dict[str, Any]:
        return sources_of(self)

    def warm(self) -> "mt.Model":
        import microtome as mt

        return mt.load(
            self.model, adapter=self.adapter or None, device=self.device, dtype=self.dtype
        )

    def speed(self) -> float:
        return speed_of(self)

    def memory(self) -> int:
        return memory_of(self)

    def dry(self) -> "Sampling":
        return self.model_copy(update=stand_in(self))

    @classmethod
    def demo(cls) -> "Sampling":
        """All steps on the embedded specimen's arithmetic, scaled to its short solutions."""
        return cls(
            model="specimen:world",
            n_problems=8,
            samples=32,
            temperatures=(0.0, 0.7, 1.3),
            checkpoints=(6, 12, 18, 24),
            max_new_tokens=64,
            stride=3,
            interval=4,
            branch_tokens=24,
            cluster_samples=48,
            cluster_tokens=96,
            cluster_stride=1,
            judge_enabled=True,
            judge="equations",
        )
