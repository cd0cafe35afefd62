"""Figures of the sampling study."""
