"""`mdlcode measure`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out, print_table
from mdlcode.errors import MdlError
from mdlcode.report.stored_tables import measures_table

if TYPE_CHECKING:
    from torch import nn

    from mdlcode.data import Data

Net = Annotated[Path, typer.Argument(help="Weights of --arch (.pt or .npz), or a net's file that `compress` wrote.")]
Init = Annotated[Path | None, typer.Option(help="The weights before training, for distances.")]
Losses = Annotated[Path | None, typer.Option("--history", help="A .npz of losses by step and steps_per_epoch.")]
Twin = Annotated[Path | None, typer.Option(help="The weights of another seed, for their disagreement.")]
Names = Annotated[str | None, typer.Option("--measures", help="Measures by name, with commas; all by default.")]
Report = Annotated[Path | None, typer.Option("--out", "-o", help="JSON file for the values.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file of --out.")]


@o.taken
def measure(
    given: o.View,
    net: Net,
    init: Init = None,
    history: Losses = None,
    twin: Twin = None,
    measures: Names = None,
    report: Report = None,
    force: Force = False,
    trust: o.Trust = None,
) -> None:
    """Generalization measures of a trained net: prunability, flatness, norms, margins, curvature, bits."""
    from dataclasses import asdict

    from mdlcode.experiments.tasks import Task
    from mdlcode.files import write_json
    from mdlcode.measures.base import chosen
    from mdlcode.measures.base import measure as measured
    from mdlcode.measures.generalization import MEASURES
    from mdlcode.measures.trained import History, Trained

    if report is not None and report.exists() and not force:
        raise MdlError(f"{report} is there already: name another --out, or --force to replace it")
    wanted = chosen(MEASURES, measures.split(",") if measures else MEASURES)
    task = o.read(Task, given)
    loaded = task.load()
    arch = task.arch[0]
    with o.computing(task.threads, task.place):
        start = None if init is None else dict(_net(init, arch, loaded, trust).named_parameters())
        other = None if twin is None else _net(twin, arch, loaded, trust)
        trained = Trained(
            _net(net, arch, loaded, trust), loaded, start, None if history is None else History.read(history), other
        )
        values = measured(trained, wanted)
    stored = {name: {**asdict(each), "sign": wanted[name].sign} for name, each in values.items()}
    out.print(f"{loaded.name}, {len(loaded):,} training labels", highlight=False, markup=False)
    print_table(measures_table(stored))
    if report is not None:
        write_json(report, stored)


def _net(file: Path, arch: str, loaded: "Data", trust: list[str] | None) -> "nn.Module":
    """The net of a weights file or of a net's file."""
    from mdlcode import nets
    from mdlcode.nets.tensors import load_weights, read_tensors
    from mdlcode.weights.net_file import decode_net, is_net

    if is_net(content := o.read_file(file, "net")):
        return decode_net(content, trust or ()).net
    made = nets.build(arch, loaded.shared.shape, loaded.shared.num_classes)
    load_weights(made, read_tensors(file))
    return made
