"""`mdlcode plan`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out, print_table

StepSeconds = Annotated[
    float | None, typer.Option(help="Seconds that a training step takes on your devices; measured here by default.")
]


@dataclass(frozen=True)
class Planned(o.Coded):
    """Options of `plan`."""

    codes: o.CodeNames = None
    step_seconds: StepSeconds = None


@o.taken
def plan(given: Planned) -> None:
    """What codes would cost, before they are computed: steps, operations, memory, and time by number of workers."""
    import torch

    from mdlcode.experiments.plan import planned
    from mdlcode.experiments.plan_table import plan_table
    from mdlcode.experiments.tasks import Planning

    chosen = o.read(Planning, given, codes="prequential")
    data = chosen.load()
    if chosen.threads is not None:
        torch.set_num_threads(chosen.threads)
    for name, code in chosen.named_codes(data.shared.bins is not None):
        made = planned(code, data, chosen.step_seconds)
        if made.trainings:
            print_table(plan_table(name, made, chosen.place, chosen.step_seconds is not None))
        else:
            out.print(f"{name}: it has no trainings that a plan knows of")
