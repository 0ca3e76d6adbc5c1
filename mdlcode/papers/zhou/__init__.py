"""Zhou et al. 2019 (arXiv 1804.05862): its tables, figures and grids beside ours."""

from mdlcode.papers.zhou.items import DATA, ITEMS

__all__ = ["DATA", "ITEMS"]
