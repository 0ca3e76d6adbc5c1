"""`mdlcode measure`."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from mdlcode.cli import options as o
from mdlcode.cli.show import out
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from torch import nn

    from mdlcode.data import Data
    from mdlcode.measures.base import Measure, Value

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
    with o.computing(task.threads, task.workers):
        start = None if init is None else dict(_net(init, arch, loaded, trust).named_parameters())
        other = None if twin is None else _net(twin, arch, loaded, trust)
        trained = Trained(
            _net(net, arch, loaded, trust), loaded, start, None if history is None else History.read(history), other
        )
        values = measured(trained, wanted)
    out.print(_table(values, wanted, f"{loaded.name}, {len(loaded):,} training labels"))
    if report is not None:
        write_json(report, {name: {**asdict(each), "sign": wanted[name].sign} for name, each in values.items()})


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


def _table(values: "dict[str, Value]", measures: "dict[str, Measure]", title: str) -> Table:
    made = Table(title=title, caption="sign: +1 where more of it should mean a larger gap between train and test error")
    made.add_column("measure", no_wrap=True)
    for name in ("sign", "value", "+-", "seconds"):
        made.add_column(name, justify="right")
    made.add_column("")
    for name, each in values.items():
        numbers = "-" if isnan(each.value) else f"{each.value:,.5g}", "" if isnan(each.error) else f"{each.error:.2g}"
        made.add_row(name, f"{measures[name].sign:+d}", *numbers, f"{each.seconds:.2f}", each.reason)
    return made
