"""The misconceptions study: which features tell right physics from a common misconception."""

from microtome.studies.misconceptions.study import Misconceptions
from microtome.studies.misconceptions.two_runs import contrast_runs

__all__ = ["Misconceptions", "contrast_runs"]
