"""The sampling study: the geometry of what a model might have said.

How far temperature spreads the states of completions (`variance`), how far they are from an
oracle's solution (`manifold`), also when its beginning is forced (`drift`), where one token
changes the rest (`sensitivity`), which layers decide there (`attribution`), and whether many right
solutions are many methods (`clusters`).
"""

from typing import Any

from microtome.lab.study import Step
from microtome.studies.sampling.configuration import Configuration


class Sampling(Configuration):
    """The geometry of what a model might have said."""

    def chain(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        return tuple(steps)

    def provenance(self) -> dict[str, Any]:
        raise NotImplementedError

    def warm(self) -> Any:
        raise NotImplementedError

    def dry(self) -> "Sampling":
        raise NotImplementedError

    @classmethod
    def demo(cls) -> "Sampling":
        """All steps on the embedded specimen's arithmetic, scaled to its short solutions."""
        return cls(
            model="specimen:world",
            n_problems=6,
            samples=24,
            temperatures=(0.0, 0.7, 1.0),
            checkpoints=(8, 16, 24, 32),
            max_new_tokens=64,
            stride=4,
            interval=4,
            branch_tokens=24,
            cluster_samples=48,
            cluster_tokens=96,
        )
