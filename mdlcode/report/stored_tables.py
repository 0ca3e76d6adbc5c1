"""Tables of what the other commands store as JSON: certificates, dimensions, measures and rankings."""

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mdlcode.errors import MdlError
from mdlcode.experiments.tables import Table, percent

Stored = Mapping[str, Any]


def paid_table(certificate: Stored) -> Table:
    """Where the bits of a certificate went, by part, largest first."""
    total, coded = float(certificate["total_bits"]), certificate.get("coded_bits")
    file = "" if coded is None else f" (decoded from {coded // 8:,} bytes of file)"
    parts = sorted(certificate["bits_by_part"].items(), key=lambda item: -item[1])
    shares = [f"{100 * bits / total:.1f} %" if total else "-" for _, bits in parts]
    rows = tuple((part, f"{bits:,.1f}", share) for (part, bits), share in zip(parts, shares, strict=True))
    return Table(f"what was paid: {total:,.1f} bits{file}", ("part", "bits", "share"), rows)


def bounds_table(certificate: Stored) -> Table:
    """Every bound of a certificate, the tightest marked, vacuous ones as they are; the test set's at the end."""
    rows = []
    for each in certificate["bounds"]:
        marks = [mark for mark in ("tightest", "vacuous") if each[mark]]
        rows.append((str(each["name"]), f"{100 * each['value']:.3f} %", ", ".join(marks)))
    if test := certificate.get("test"):
        wrong = f"{test['errors']:,} of {test['n']:,} wrong: a net that was fixed before the test set"
        rows.append(("test set", f"{100 * test['bound']:.3f} %", wrong))
    errors = f"{certificate['errors']:,} errors of {certificate['evaluated']:,}, n = {certificate['n']:,}"
    caption = f"bounds on the test error, delta = {certificate['delta']:g}; {certificate['dataset']}, {errors}"
    return Table(caption, ("bound", "at most", "about it"), tuple(rows))


def dimension_table(stored: Stored) -> Table:
    """The accuracies of a `dimension.json` by dimension, and what was read off them."""
    rows = []
    for d in sorted({trial["dimension"] for trial in stored["trials"]}):
        reached = [trial["accuracy"] for trial in stored["trials"] if trial["dimension"] == d]
        rows.append((f"{d:,}", *map(percent, (sum(reached) / len(reached), min(reached), max(reached)))))
    return Table(dimension_summary(stored), ("d", "accuracy, mean over seeds", "least", "most"), tuple(rows))


def dimension_summary(stored: Stored) -> str:
    """The intrinsic dimension with its interval, the threshold and the baseline, in two lines."""
    low, high = stored["interval"]
    limits = f"{low or 1:,.0f} - " + ("not bounded" if high is None else f"{high:,.0f}")
    reached = f"above {max(trial['dimension'] for trial in stored['trials']):,}: no dimension tried reaches it"
    if stored["dimension"] is not None:
        reached = (
            f"{stored['dimension']:,.0f} of D = {stored['num_parameters']:,}"
            f" (95 %, inverse regression over {len(stored['trials'])} trainings: {limits})"
        )
    return (
        f"d_int{100 * stored['share']:.0f} = {reached}\n"
        f"threshold {percent(stored['threshold'])} = {stored['share']:g} x baseline {percent(stored['baseline'])}"
        f" ({stored['baseline_name']}); isotonic means, linear in log d"
    )


def measures_table(values: Stored) -> Table:
    """The measures of a net, each with its sign, standard error, seconds, and why there is none."""
    rows = []
    for name, each in values.items():
        value = "-" if math.isnan(each["value"]) else f"{each['value']:,.5g}"
        error = "" if math.isnan(each["error"]) else f"{each['error']:.2g}"
        rows.append((name, f"{each['sign']:+d}", value, error, f"{each['seconds']:.2f}", each["reason"]))
    caption = "sign: +1 where more of it should mean a larger gap between train and test error"
    return Table(caption, ("measure", "sign", "value", "+-", "seconds", "about it"), tuple(rows))


# What the two tables of a target show of each row's scores.
_ORDER: dict[str, Callable[[Stored], str]] = {
    "tau-a": lambda it: f"{it['correlation']['tau_a']:.3f}",
    "95 %": lambda it: f"{it['correlation']['low']:.2f} .. {it['correlation']['high']:.2f}",
    "tau-b": lambda it: f"{it['correlation']['tau_b']:.3f}",
    "tied": lambda it: f"{it['correlation']['tie_share']:.2f}",
    "Psi (sd of noise)": lambda it: f"{it['granulated']['mean']:.3f} ({it['granulated']['null_mean']:.3f})",
    "tau given train CE": lambda it: f"{it['partial_tau']:.3f}",
}
_SAY: dict[str, Callable[[Stored], str]] = {
    "CMI": lambda it: f"{it['cmi']:.4f}",
    "CMI of noise": lambda it: f"< {it['cmi_null']:.4f}",
    "R2 held out": lambda it: f"{it['regression']['held_out_r2']:.3f}",
    "R2 adjusted": lambda it: f"{it['regression']['adjusted_r2']:.3f}",
    "sign error: max": lambda it: f"{it['sign_error']['largest']:.2f}",
    "90 %": lambda it: f"{it['sign_error']['quantile_90']:.2f}",
    "mean": lambda it: f"{it['sign_error']['mean']:.2f}",
}


def ranking_tables(rows: Sequence[Stored]) -> Iterator[Table]:
    """Two tables for each target and subset of models: how measures order the models, and how much they say."""
    signs = "sign: +1 where more of it should mean a larger target, -1 where the table has it turned around"
    for subset, target in dict.fromkeys((row["subset"], row["target"]) for row in rows):
        part = [row for row in rows if (row["subset"], row["target"]) == (subset, target)]
        part.sort(key=lambda row: (row["control"], -row["scores"]["correlation"]["tau_a"] if row["scores"] else 2.0))
        for columns in (_ORDER, _SAY):
            caption = f"{target}, {subset} models" + (f"\n{signs}" if columns is _ORDER else "")
            header = ("measure", "sign", "n", *columns)
            yield Table(caption, header, tuple(_ranked(row, columns) for row in part))


def _ranked(row: Stored, columns: Mapping[str, Callable[[Stored], str]]) -> tuple[str, ...]:
    name = f"control: {row['measure']}" if row["control"] else row["measure"]
    shown = [row["reason"]] if row["scores"] is None else [show(row["scores"]) for show in columns.values()]
    cells = (name, f"{row['sign']:+d}", str(row["n"]), *shown)
    return (*cells, *[""] * (3 + len(columns) - len(cells)))


def models_table(file: Path) -> Table:
    """The trained models of a grid, a row each. Raises MdlError for a file that is no table."""
    try:
        header, *rows = csv.reader(file.read_text().splitlines(), strict=True)
    except (OSError, ValueError, csv.Error) as error:
        raise MdlError(f"{file} is damaged: {error}") from None
    return Table(f"{len(rows):,} models", tuple(header), tuple(tuple(map(_short, row)) for row in rows))


def _short(cell: str) -> str:
    """A number with five digits, another cell as it is."""
    try:
        value = float(cell)
    except ValueError:
        return cell
    return cell if len(cell) <= 7 else f"{value:.5g}"
