"""The figures of the dilemmas study, one module per step."""
