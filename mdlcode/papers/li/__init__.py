"""Li et al. 2018 (arXiv 1804.08838): its tables, figures and grids beside ours."""

from mdlcode.papers.li.items import DATA, ITEMS

__all__ = ["DATA", "ITEMS"]
