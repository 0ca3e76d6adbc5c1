"""Blier & Ollivier 2018 (arXiv 1802.07044): its tables, figures and grids beside ours."""

from mdlcode.papers.blier_ollivier.items import DATA, ITEMS

__all__ = ["DATA", "ITEMS"]
