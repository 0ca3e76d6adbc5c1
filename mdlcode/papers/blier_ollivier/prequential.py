"""Figures 2 and 3 and Table 2 of Blier & Ollivier 2018: prequential codes by block, and what switching is worth."""

from mdlcode.experiments.pieces import Run
from mdlcode.experiments.stored import Stored
from mdlcode.experiments.tables import Table, percent
from mdlcode.papers import Job, sizes
from mdlcode.papers.blier_ollivier.codes import figure2_codes, switching_codes
from mdlcode.papers.blier_ollivier.published import NAMES
from mdlcode.plots.kinds import four_panels, weights

FIGURE2 = {"smoke": ("digits", 300), "cpu": ("cifar10", 5000), "full": ("cifar10", None)}


def fig2(job: Job) -> None:
    """Bits and accuracy of each block, regret to the uniform code and compression ratio, of five nets."""
    dataset, limit = FIGURE2[job.scale]
    codes = figure2_codes(job.scale).items()
    runs = job.store.all([Run(f"fig2-{name.lower()}", name, job.data(dataset, limit), code) for name, code in codes])
    reduced = sizes(
        job.scale,
        "300 labels of the digits, at most 40 steps a block.",
        "5,000 of 50,000 labels, 8 epochs a block.",
        "all labels, 20 epochs a block.",
    )
    caption = (
        "Figure 2 of Blier & Ollivier 2018: plain prequential codes of five nets, Adam with rate 0.001, time steps"
        f" 10, 20, 40, ... on {NAMES[dataset]}. The layers of tinyCNN, which the paper does not list, are ours."
    )
    job.store.figure("fig2", four_panels(runs), f"{caption} {reduced}")


FIGURE3 = {"smoke": ("digits", 600), "cpu": ("cifar10", 5000), "full": ("cifar10", None)}


def _switching(job: Job) -> list[Stored]:
    dataset, limit = FIGURE3[job.scale]
    runs = [
        Run(f"switching-{name.replace(' ', '-')}", name, job.data(dataset, limit), code)
        for name, code in switching_codes(job.scale).items()
    ]
    return job.store.all(runs)


def _switching_scale(job: Job) -> str:
    return sizes(
        job.scale, "600 labels of the digits, an MLP.", "5,000 of 50,000 labels, a convnet.", "all labels, VGGb."
    )


def fig3(job: Job) -> None:
    """Switching between stopping times of one net and between models."""
    runs = _switching(job)
    caption = (
        f"Figure 3 of Blier & Ollivier 2018 on {NAMES[FIGURE3[job.scale][0]]}: the switch distribution between"
        " stopping times of one net (self-switch) and between models (switch)."
    )
    job.store.figure("fig3", four_panels(runs), f"{caption} {_switching_scale(job)}")
    job.store.figure("fig3-weights", weights(runs), f"Weights of the experts in Figure 3. {_switching_scale(job)}")


SWITCHING_PUBLISHED = {"one net": "45.3", "self-switch": "34.9 (recalled)", "switch": "34.6 (secondary source)"}


def table2(job: Job) -> None:
    """What switching is worth."""
    dataset, limit = FIGURE3[job.scale]
    shown = SWITCHING_PUBLISHED if limit is None else {}
    rows = tuple(
        (
            run.name,
            shown.get(run.name, "-"),
            f"{run.result.total_bits / 1000:,.2f}",
            f"{run.result.compression_ratio:.4f}",
            percent(run.result.test_accuracy),
            f"{run.result.seconds:.1f}",
        )
        for run in _switching(job)
    )
    caption = (
        f"Table 2 of Blier & Ollivier 2018 on {NAMES[dataset]}: switching, in kilobits. On all labels of CIFAR-10 the"
        " paper is said to have 45.3 without, 34.6 (secondary source) with switching, 34.9 (recalled) with self-switch."
    )
    header = ("code", "published kbits", "kbits here", "ratio", "test accuracy", "seconds")
    job.store.table("table2", Table(f"{caption} {_switching_scale(job)}", header, rows))
