"""Denis 2019, a reading group's notes on deep learning theory: each paper's phenomenon beside its codelength."""

from mdlcode.papers.denis.items import DATA, ITEMS

__all__ = ["DATA", "ITEMS"]
