"""Nets that take few bits: pruning, grids, and trainings in which bits are part of the loss."""
