"""Blier & Ollivier 2018, "The Description Length of Deep Learning Models" (arXiv 1802.07044)."""

from mdlcode.papers.blier_ollivier.codings import codings
from mdlcode.papers.blier_ollivier.epochs import fig1
from mdlcode.papers.blier_ollivier.ingredients import ingredients
from mdlcode.papers.blier_ollivier.prequential import fig2, fig3, table2
from mdlcode.papers.blier_ollivier.table1 import table1
from mdlcode.papers.blier_ollivier.variational_map import variational_map

# The paper's tables and figures, then what its codes are made of, taken apart.
ITEMS = {
    "table1": table1,
    "fig1": fig1,
    "fig2": fig2,
    "fig3": fig3,
    "table2": table2,
    "ingredients": ingredients,
    "map": variational_map,
    "codings": codings,
}
DATA = {"smoke": ("digits",), "cpu": ("mnist", "cifar10"), "full": ("mnist", "cifar10")}
