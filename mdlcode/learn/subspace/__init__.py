"""Nets that move in a random subspace of their weights."""
