"""The misconceptions study: which features tell right physics from a common misconception."""

from microtome.studies.misconceptions.study import Misconceptions

__all__ = ["Misconceptions"]
