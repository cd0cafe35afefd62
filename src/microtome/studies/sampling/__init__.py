"""The sampling study: the geometry of what a model might have said."""

from microtome.studies.sampling.study import Sampling

__all__ = ["Sampling"]
