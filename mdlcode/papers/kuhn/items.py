"""Kuhn et al. 2021, "Robustness to Pruning Predicts Generalization in Deep Neural Networks" (arXiv 2103.06002)."""

from mdlcode.papers.kuhn.descent import fig1, fig3, fig4
from mdlcode.papers.kuhn.lengths import codelengths, tail
from mdlcode.papers.kuhn.perturbing import fig2, fig5
from mdlcode.papers.kuhn.tables import table1, table2, table3

ITEMS = {
    **{"table1": table1, "table2": table2, "table3": table3},
    **{"fig1": fig1, "fig2": fig2, "fig3": fig3, "fig4": fig4, "fig5": fig5},
    **{"codelengths": codelengths, "tail": tail},
}
DATA: dict[str, tuple[str, ...]] = {
    "smoke": ("digits",),
    "cpu": ("mnist", "cifar10"),
    "full": ("cifar10", "cifar100", "mnist"),
}
