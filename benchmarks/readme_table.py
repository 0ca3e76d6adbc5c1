"""Writes the tables of results from benchmarks/records: a short one in README, all of them in docs/results.md.

python benchmarks/readme_table.py [--check]
With --check it says whether they are up to date.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from record import incomplete

from mdlcode.codelength import uniform_bits
from mdlcode.experiments.tables import percent
from mdlcode.proof.proof import Proof

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- results: python benchmarks/readme_table.py -->", "<!-- end of results -->"
SETS = ("MNIST", "CIFAR-10")
CODES = ("uniform", "float32", "compressed", "subspace", "variational", "prequential")

Record = Mapping[str, Any]


def records() -> list[Record]:
    """What was measured, in the order of the tables."""
    stored = [json.loads(path.read_text()) for path in (ROOT / "benchmarks" / "records").glob("*.json")]
    return sorted(stored, key=lambda each: int(each["order"]))


def summary() -> str:
    """README's table: each code on both data sets, beside the published length."""
    measured = {(each["data"], each["code"]): each for each in records()}
    columns = " | ".join(f"{name}, bits | published, kbits" for name in SETS)
    rows = [[code, *(cell for name in SETS for cell in _summary(measured[name, code]))] for code in CODES]
    return "\n".join([f"| code | {columns} |", "|---|" + "---:|" * 2 * len(SETS), *map(_line, rows)])


def _summary(record: Record) -> tuple[str, str]:
    bits = _bits(record)
    spread = f" ± {stdev(bits):,.1f}" if len(bits) > 1 else ""
    return f"**{mean(bits):,.1f}**{spread}", _published(record)


def details() -> str:
    """The tables of docs/results.md: a section for each data set, and how each code of it was measured."""
    groups = groupby(records(), key=lambda each: (each["data"], each["num_labels"], each["num_classes"]))
    return "\n\n".join(_section(*of, list(group)) for of, group in groups)


def _section(data: str, num_labels: int, num_classes: int, measured: Sequence[Record]) -> str:
    uniform = uniform_bits(num_labels, num_classes)
    header = "| code | bits | ratio | published, kbits | envelope, bits | test accuracy | seconds |"
    rows = "\n".join([header, "|---|" + "---:|" * 6, *(_line(_row(each, uniform)) for each in measured)])
    made = "\n".join(map(_made, measured))
    return f"## {data}\n\n{num_labels:,} labels; {uniform:,.1f} bits under the uniform code.\n\n{rows}\n\n{made}"


def _row(record: Record, uniform: float) -> list[str]:
    bits = _bits(record)
    spread = f" ({min(bits):,.1f} - {max(bits):,.1f}, sd {stdev(bits):,.1f}, n = {len(bits)})" if len(bits) > 1 else ""
    return [
        record["code"],
        f"**{mean(bits):,.1f}**{spread}",
        f"{mean(bits) / uniform:.4f}",
        _published(record),
        _or_dash(record.get("envelope_bits")),
        percent(record["test_accuracy"]),
        _or_dash(record["seconds"]),
    ]


def _made(record: Record) -> str:
    """The command, the machine, and what else is to be said."""
    missing = incomplete(record)
    lacking = f"made without a note of its {' and '.join(missing)}, to be made again" if missing else ""
    notes = "".join(f" {each[0].upper()}{each[1:]}." for each in (_proved(record), record["note"], lacking) if each)
    return f"- **{record['code']}**: `{record['command']}`, on {record['machine']}.{notes}"


def _bits(record: Record) -> list[float]:
    """The total under each seed."""
    return list(record.get("total_bits_by_seed", {}).values()) or [record["total_bits"]]


def _published(record: Record) -> str:
    return str(record["published_kbits"] or "-")


def _or_dash(number: float | None) -> str:
    return "-" if number is None else f"{number:,.0f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _proved(record: Record) -> str:
    """The word is the stored proof's: nobody types it."""
    if record.get("proof") is None:
        return ""
    proof = Proof(**record["proof"])
    verdict = f"proved by a message of {proof.message_bits:,} bits" if proof.proved else "**NOT PROVED**"
    return f"seed {record['seed']} {verdict}"


def written(page: str, made: str, first: str = BEGIN, last: str = END) -> str:
    """The page with what was made between its two marks."""
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end):
        raise SystemExit(f"the page has no lines '{first}' and '{last}'")
    return f"{before}{begin}\n{made}\n{end}{after}"


def main() -> None:
    pages: dict[str, Callable[[], str]] = {"README.md": summary, "docs/results.md": details}
    for name, make in pages.items():
        old = (ROOT / name).read_text()
        new = written(old, make())
        if "--check" not in sys.argv[1:]:
            (ROOT / name).write_text(new)
        elif old != new:
            raise SystemExit(f"the table in {name} is out of date: run python benchmarks/readme_table.py")


if __name__ == "__main__":
    main()
