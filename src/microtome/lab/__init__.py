"""Runs studies, keeps what they found and shows it; knows no model and imports no torch."""
