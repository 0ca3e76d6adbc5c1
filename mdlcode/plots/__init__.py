"""Figures, each drawn from stored results only."""
