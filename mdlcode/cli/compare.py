"""`mdlcode compare` and `mdlcode audit`."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import GrowingTable, err, out, print_table
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from mdlcode.experiments.results import Result

OutFolder = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for results.json and bits by label.")]
Bounds = Annotated[bool | None, typer.Option("--bounds", help="Show bounds on the test error of nets that are sent.")]
Prove = Annotated[
    bool | None, typer.Option("--prove", help="Decode every message in a process that has no labels, as `verify` does.")
]
Checks = Annotated[list[str] | None, typer.Option("--only", help="This check alone; may be repeated.")]
Force = Annotated[bool, typer.Option("--force", help="Replace results that are in --out.")]

_WIDTHS = (13, 11, 13, 9, 14, 13, 8)  # of numbers not known yet: up to 31 million 32-bit weights


@dataclass(frozen=True)
class Codes(o.Coded):
    """Options of `compare`."""

    codes: o.CodeNames = None
    candidates: Annotated[int | None, o.Candidates] = None
    bounds: Bounds = None
    prove: Prove = None


@o.taken
def compare(given: Codes, out_folder: OutFolder = None, force: Force = False) -> None:
    """The codelengths of a data set's labels under several codes, side by side."""
    from mdlcode.codes.presets import PRESETS
    from mdlcode.experiments import shown
    from mdlcode.experiments.compare import measure_each
    from mdlcode.experiments.tasks import Comparison

    chosen = o.read(Comparison, given, codes=",".join(PRESETS))
    loaded = chosen.load()
    real = loaded.shared.bins is not None
    codes = chosen.named_codes(real)
    widths = (max(len(name) for name, _ in codes) + len(" (best of 9)"), *_WIDTHS)
    title = f"{loaded.name}: {len(loaded):,} labels, {loaded.shared.classes_text}"
    table = GrowingTable(shown.header(real), widths, title, shown.caption(real))
    results: list[Result] = []
    failures: list[str] = []

    def failed(name: str, error: MdlError) -> None:
        failures.append(name)
        err.print(f"error: {name}: {error}", style="red", markup=False, highlight=False)

    try:
        with o.computing(chosen.threads, chosen.place):
            settings = chosen.seed, failed, chosen.candidates, chosen.prove
            with closing(measure_each(loaded, codes, out_folder, force, *settings)) as measured:
                for result in measured:
                    results.append(result)
                    table.add(shown.row(result))
    finally:
        table.end()
        _end(results, bool(chosen.bounds))
    failures += [each.code for each in results if each.proof is not None and not each.proof.proved]
    if failures:
        raise typer.Exit(1 if results else 2)


def _end(results: "list[Result]", bounds: bool) -> None:
    """What comes below the table: bounds, where they are asked for, notes and proofs."""
    from mdlcode.experiments import shown

    if results and bounds:
        print_table(shown.bounds_table(results))
    for each in results:
        for note in each.notes:
            out.print(f"{each.code}: {note}", markup=False, highlight=False)
        if each.proof is not None:
            out.print(f"{each.code}: {each.proof}", markup=False, highlight=False)


@o.taken
def audit(given: o.OneCode, only: Checks = None) -> None:
    """Holds a code to the laws that every code keeps, on true, renamed, random, permuted and planted labels."""
    from mdlcode.experiments.tasks import Experiment
    from mdlcode.proof.checks import audit as audited
    from mdlcode.proof.checks import settings_bytes

    chosen = o.read(Experiment, given)
    chosen.single_code()  # one code, before anything is read
    data = chosen.load()
    name, code = chosen.single_code(data.shared.bins is not None)
    broken = []
    with o.computing(chosen.threads, chosen.place):
        for finding in audited(code, data, only or ()):
            out.print(str(finding), highlight=False)
            broken += [] if finding.holds else [finding.check]
    growth = settings_bytes(code)
    out.print(f"settings: {growth:+,} bytes beside the default of its kind; they are shared, and not charged")
    verdict = f"FAILS: {', '.join(broken)}" if broken else "passes"
    labels = f"{len(data):,} labels of {data.name}, {data.shared.classes_text}"
    out.print(f"{name} on {labels}: {verdict}", highlight=False)
    if broken:
        raise typer.Exit(1)
