"""Figures of the misconceptions study."""
