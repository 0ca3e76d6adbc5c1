"""`mdlcode compare` and `mdlcode audit`."""

from pathlib import Path
from typing import Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import add_bound_row, add_row, err, out, results_bounds_table, table
from mdlcode.errors import TrainingError

Codes = Annotated[str | None, typer.Option(help="Codes by name, with commas; all there are by default.")]
OutFolder = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for results.json and bits by label.")]
Bounds = Annotated[bool, typer.Option("--bounds", help="Show bounds on the test error of nets that are sent.")]
Force = Annotated[bool, typer.Option("--force", help="Replace results that are in --out.")]


def compare(
    data: o.DataName,
    codes: Codes = None,
    config: o.ConfigFile = None,
    arch: o.Arch = None,
    seed: o.Seed = None,
    device: o.Device = None,
    limit: o.Limit = None,
    label_noise: o.LabelNoise = None,
    shuffle_pixels: o.ShufflePixels = None,
    order_seed: o.OrderSeed = None,
    out_folder: OutFolder = None,
    force: Force = False,
    bounds: Bounds = False,
    threads: o.Threads = None,
    workers: o.Workers = 1,
) -> None:
    """The codelengths of a data set's labels under several codes, side by side."""
    from mdlcode.codes.presets import PRESETS
    from mdlcode.experiments.compare import measure_each

    fields = {
        "data": data,
        "arch": arch,
        "seed": seed,
        "device": device,
        "limit": limit,
        "label_noise": label_noise,
    }
    named = codes or (None if config else ",".join(PRESETS))
    chosen = o.experiment(config, codes=named, shuffle_pixels=shuffle_pixels, order_seed=order_seed, **fields)
    loaded = chosen.load()
    shown = table(f"{loaded.name}: {len(loaded):,} labels, {loaded.shared.classes_text}")
    bounded = results_bounds_table()
    failures: list[str] = []
    notes: list[str] = []

    def failed(name: str, error: TrainingError) -> None:
        failures.append(name)
        err.print(f"error: {name}: {error}", style="red", markup=False, highlight=False)

    try:
        with o.computing(threads, workers):
            measured = measure_each(loaded, chosen.named_codes(), out_folder, force, chosen.seed, failed, chosen.tried)
            for result in measured:
                add_row(shown, result)
                add_bound_row(bounded, result)
                notes += [f"{result.code}: {note}" for note in result.notes]
    finally:
        if shown.rows:
            out.print(shown)
        if shown.rows and bounds:
            out.print(bounded)
        for note in notes:
            out.print(note, highlight=False)
    if failures:
        raise typer.Exit(1)


def audit(
    data: o.DataName,
    code: o.CodeName = "",
    config: o.ConfigFile = None,
    arch: o.Arch = None,
    seed: o.Seed = None,
    device: o.Device = None,
    limit: o.Limit = None,
    threads: o.Threads = None,
    workers: o.Workers = 1,
) -> None:
    """Holds a code to random labels: one that saves 30 bits on them uses labels that Bob has not got."""
    from mdlcode.proof.checks import AUDIT_LIMIT_BITS
    from mdlcode.proof.checks import audit as audited

    fields = {"data": data, "arch": arch, "seed": seed, "device": device, "limit": limit}
    chosen = o.single_code(config, code or None, **fields)
    shared = chosen.load().shared
    [(name, made)] = chosen.named_codes()
    with o.computing(threads, workers):
        saved = audited(made, shared)
    verdict = "passes" if saved < AUDIT_LIMIT_BITS else "FAILS: it uses labels that Bob has not got"
    out.print(
        f"{name} saves {saved:,.1f} bits on {len(shared):,} random labels (limit {AUDIT_LIMIT_BITS:.0f}): {verdict}"
    )
    if saved >= AUDIT_LIMIT_BITS:
        raise typer.Exit(1)
