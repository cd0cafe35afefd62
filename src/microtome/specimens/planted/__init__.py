"""Constructed models with a circuit that is known because it was put there."""

from microtome.specimens.planted.planted import Architecture, Planted
from microtome.specimens.planted.task import CORRUPTIONS, Corruption, PlantedPair

__all__ = ["CORRUPTIONS", "Architecture", "Corruption", "Planted", "PlantedPair"]
