"""Zhou et al. 2019, "Non-vacuous Generalization Bounds at the ImageNet Scale" (arXiv 1804.05862)."""

import numpy as np

from mdlcode.data.load import data_root
from mdlcode.experiments.tables import Table, percent
from mdlcode.papers import Job
from mdlcode.papers.zhou.kl_weights import kl_weights
from mdlcode.papers.zhou.limits_table import limits_table
from mdlcode.papers.zhou.pruning import fig1
from mdlcode.papers.zhou.table import Row, imagenet_table, lenet_table

WEIGHTS = "zhou_lenet5.npz"


def table1(job: Job) -> None:
    """Sizes and bounds as published, as their script makes them, and put right."""
    stored, rows, note = data_root() / WEIGHTS, [], ""
    if stored.is_file():
        with np.load(stored, allow_pickle=False) as arrays:
            rows = lenet_table({name: arrays[name] for name in arrays.files})
    else:
        note = f" The rows of LeNet-5 are left out: {WEIGHTS} is not in the folder of data sets."
    caption = (
        "Table 1 of Zhou et al. 2019: bounds on the test error at 95 % confidence (Catoni's). Their script fixes the"
        " prior's noise and optimises the posterior's, and evaluates another, so its smoothed rows are no bounds."
    )
    header = ("what", "KiB charged", "train error", "bound", "published", "valid")
    cells = tuple(map(_cells, [*rows, *imagenet_table()]))
    job.store.table("table1", Table(caption + note, header, cells))


def _cells(row: Row) -> tuple[str, ...]:
    charged, valid = f"{row.charged_bytes / 1024:,.2f}", "yes" if row.valid else "no"
    return row.what, charged, percent(row.train_error), percent(row.bound), percent(row.published), valid


ITEMS = {"table1": table1, "fig1": fig1, "limits": limits_table, "kl-weights": kl_weights}
DATA = {"smoke": ("digits",), "cpu": ("cifar10",), "full": ("cifar10",)}
