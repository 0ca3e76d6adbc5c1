"""Kuhn et al. 2021 (arXiv 2103.06002): its tables, figures and grids, and codelengths as measures beside its own."""

from mdlcode.papers.kuhn.items import DATA, ITEMS

__all__ = ["DATA", "ITEMS"]
