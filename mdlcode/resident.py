"""What engines bring to each worker once."""


class Resident:
    """The base of what is large, never changes and is needed by many tasks, such as the data."""
