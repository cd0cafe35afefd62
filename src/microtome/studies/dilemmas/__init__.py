"""The dilemmas study: what a model and its fine-tunes do in the prisoner's dilemma, and how."""

from microtome.studies.dilemmas.study import Dilemmas

__all__ = ["Dilemmas"]
