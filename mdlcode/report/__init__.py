"""Tables and documents of stored results, and the folders in which papers are reproduced."""
