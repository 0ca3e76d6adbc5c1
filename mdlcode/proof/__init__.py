"""A number proved, and the laws that every code is held to."""
