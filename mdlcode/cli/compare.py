"""`mdlcode compare` and `mdlcode audit`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import add_bound_row, add_row, err, out, results_bounds_table, table
from mdlcode.errors import TrainingError

OutFolder = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for results.json and bits by label.")]
Bounds = Annotated[bool | None, typer.Option("--bounds", help="Show bounds on the test error of nets that are sent.")]
Prove = Annotated[
    bool | None, typer.Option("--prove", help="Decode every message in a process that has no labels, as `verify` does.")
]
Checks = Annotated[list[str] | None, typer.Option("--only", help="This check alone; may be repeated.")]
Force = Annotated[bool, typer.Option("--force", help="Replace results that are in --out.")]


@dataclass(frozen=True)
class Codes(o.View):
    """Options of `compare`."""

    codes: o.CodeNames = None
    candidates: Annotated[int | None, o.Candidates] = None
    bounds: Bounds = None
    prove: Prove = None


@o.taken
def compare(given: Codes, out_folder: OutFolder = None, force: Force = False) -> None:
    """The codelengths of a data set's labels under several codes, side by side."""
    from mdlcode.codes.presets import PRESETS
    from mdlcode.experiments.compare import measure_each
    from mdlcode.experiments.tasks import Comparison

    chosen = o.read(Comparison, given, codes=",".join(PRESETS))
    loaded = chosen.load()
    shown = table(f"{loaded.name}: {len(loaded):,} labels, {loaded.shared.classes_text}")
    bounded = results_bounds_table()
    failures: list[str] = []
    notes: list[str] = []

    def failed(name: str, error: TrainingError) -> None:
        failures.append(name)
        err.print(f"error: {name}: {error}", style="red", markup=False, highlight=False)

    try:
        with o.computing(chosen.threads, chosen.workers):
            codes, seed, paid = chosen.named_codes(), chosen.seed, chosen.candidates
            for result in measure_each(loaded, codes, out_folder, force, seed, failed, paid, chosen.prove):
                add_row(shown, result)
                add_bound_row(bounded, result)
                notes += [f"{result.code}: {note}" for note in result.notes]
                if result.proof is not None:
                    notes.append(f"{result.code}: {result.proof}")
                    failures += [] if result.proof.proved else [result.code]
    finally:
        if shown.rows:
            out.print(shown)
        if shown.rows and chosen.bounds:
            out.print(bounded)
        for note in notes:
            out.print(note, highlight=False)
    if failures:
        raise typer.Exit(1)


@o.taken
def audit(given: o.OneCode, only: Checks = None) -> None:
    """Holds a code to the laws that every code keeps, on true, renamed, random, permuted and planted labels."""
    from mdlcode.experiments.tasks import Experiment
    from mdlcode.proof.checks import audit as audited
    from mdlcode.proof.checks import settings_bytes

    chosen = o.read(Experiment, given)
    name, code = chosen.single_code()
    data = chosen.load()
    broken = []
    with o.computing(chosen.threads, chosen.workers):
        for finding in audited(code, data, only or ()):
            out.print(str(finding), highlight=False)
            broken += [] if finding.holds else [finding.check]
    growth = settings_bytes(code)
    out.print(f"settings: {growth:+,} bytes beside the default of its kind; they are shared, and not charged")
    verdict = f"FAILS: {', '.join(broken)}" if broken else "passes"
    labels = f"{len(data):,} labels of {data.name}, {data.shared.num_classes} classes"
    out.print(f"{name} on {labels}: {verdict}", highlight=False)
    if broken:
        raise typer.Exit(1)
