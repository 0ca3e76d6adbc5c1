"""Table 1 of Blier & Ollivier 2018: six codes on each data set."""

from mdlcode.experiments.pieces import Run
from mdlcode.experiments.stored import Stored
from mdlcode.experiments.tables import Table, percent
from mdlcode.papers import Job, sizes
from mdlcode.papers.blier_ollivier.codes import table1_codes
from mdlcode.papers.blier_ollivier.published import NAMES, NUM_LABELS, PUBLISHED

TABLE1_LABELS: dict[str, dict[str, int | None]] = {
    "smoke": {"digits": 600, "mnist": 1000, "cifar10": 600},
    "cpu": {"digits": None, "mnist": None, "cifar10": 20_000},
    "full": {"digits": None, "mnist": None, "cifar10": None},
}


def table1(job: Job) -> None:
    """Six codes on each data set: published, published with the labels' bits added, and ours."""
    runs = [
        Run(f"table1-{dataset}-{name}", name, job.data(dataset, TABLE1_LABELS[job.scale].get(dataset)), code)
        for dataset in job.datasets
        for name, code in table1_codes(job.scale, dataset).items()
    ]
    rows = map(_row, job.store.all(runs))
    reduced = sizes(
        job.scale,
        "few labels and short trainings, so that the published values are no target here.",
        "MNIST in full with shorter trainings than configs/ have; CIFAR-10 with 20,000 of 50,000 labels: compare the"
        " ratios, which fall with more labels.",
        "all labels.",
    )
    caption = (
        "Table 1 of Blier & Ollivier 2018. Kilobits (1,000 bits); ratio to the uniform code, lower is better."
        " Published: marked > where the paper counts the weights alone; with labels: its accuracy's label bits added,"
        " n(H(a) + (1-a) log2 9), derived here. The paper's text has other variational values than its table:"
        " MNIST 24.1 kbits at 95.5 %, CIFAR-10 61.6 %."
    )
    published = ("published", "with labels", "its ratio", "its accuracy")
    header = ("data", "code", *published, "here", "ratio", "accuracy", "seconds")
    job.store.table("table1", Table(f"{caption} {reduced}", header, tuple(rows)))


def _row(run: Stored) -> tuple[str, ...]:
    result, dataset = run.result, run.result.dataset
    paper = PUBLISHED.get((dataset, run.name))
    size = f" ({result.num_labels:,})" if result.num_labels != NUM_LABELS.get(dataset) else ""
    published = ["-"] * 4
    if paper is not None:
        published = [*paper.cells(NUM_LABELS[dataset], result.num_classes), f"{100 * paper.accuracy:.1f} %"]
    return (
        NAMES.get(dataset, dataset) + size,
        run.name,
        *published,
        f"{result.total_bits / 1000:,.2f}",
        f"{result.compression_ratio:.4f}",
        percent(result.test_accuracy),
        f"{result.seconds:.1f}",
    )
