"""Training nets: one at a time or many at once."""
