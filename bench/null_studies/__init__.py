"""Whole studies at their smallest size, in worlds in which their claims are false."""
