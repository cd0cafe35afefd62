"""What a model might have said: completions, their probabilities, and their pooled states."""

from microtome.model.sampling.forced import teacher_forced
from microtome.model.sampling.generate import continue_greedily, sample
from microtome.model.sampling.pooling import Pooling
from microtome.model.sampling.samples import Samples

__all__ = ["Pooling", "Samples", "continue_greedily", "sample", "teacher_forced"]
