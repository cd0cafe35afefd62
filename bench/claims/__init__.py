"""Simulated tables in which the studies' registered claims are false, and such with an effect."""
