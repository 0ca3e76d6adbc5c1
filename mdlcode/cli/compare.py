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
Force = Annotated[bool, typer.Option("--force", help="Replace results that are in --out.")]


@dataclass(frozen=True)
class Codes(o.View):
    """Options of `compare`."""

    codes: o.CodeNames = None
    candidates: Annotated[int | None, o.Candidates] = None
    bounds: Bounds = None


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
            codes = chosen.named_codes()
            measured = measure_each(loaded, codes, out_folder, force, chosen.seed, failed, chosen.candidates)
            for result in measured:
                add_row(shown, result)
                add_bound_row(bounded, result)
                notes += [f"{result.code}: {note}" for note in result.notes]
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
def audit(given: o.OneCode) -> None:
    """Holds a code to random labels: one that saves 30 bits on them uses labels that Bob has not got."""
    from mdlcode.experiments.tasks import Experiment
    from mdlcode.proof.checks import AUDIT_LIMIT_BITS
    from mdlcode.proof.checks import audit as audited

    chosen = o.read(Experiment, given)
    name, made = chosen.single_code()
    shared = chosen.load().shared
    with o.computing(chosen.threads, chosen.workers):
        saved = audited(made, shared)
    verdict = "passes" if saved < AUDIT_LIMIT_BITS else "FAILS: it uses labels that Bob has not got"
    out.print(
        f"{name} saves {saved:,.1f} bits on {len(shared):,} random labels (limit {AUDIT_LIMIT_BITS:.0f}): {verdict}"
    )
    if saved >= AUDIT_LIMIT_BITS:
        raise typer.Exit(1)
