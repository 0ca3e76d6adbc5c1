"""Writes README's table of results from benchmarks/records; with --check says whether it is up to date.

python benchmarks/readme_table.py [--check]
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from record import incomplete

from mdlcode.codelength import uniform_bits
from mdlcode.report.tables import percent

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- results: python benchmarks/readme_table.py -->", "<!-- end of results -->"
HEADER = (
    "| data | code | uniform | published, kbits | bits here, mean over seeds | ratio | envelope, bits | test accuracy"
    " | seconds | command |"
)
RULE = "|---|---|---:|---:|---:|---:|---:|---:|---:|---|"


def table() -> str:
    records = [json.loads(path.read_text()) for path in sorted((ROOT / "benchmarks" / "records").glob("*.json"))]
    return "\n".join([HEADER, RULE, *map(_row, sorted(records, key=lambda each: each["order"]))])


def _row(record: dict[str, Any]) -> str:
    uniform = uniform_bits(record["num_labels"], record["num_classes"])
    seconds = "-" if record["seconds"] is None else f"{record['seconds']:,.0f}"
    bits = list(record.get("total_bits_by_seed", {}).values()) or [record["total_bits"]]
    own = f"seed {record['seed']}: {record['note']}" if record["note"] and len(bits) > 1 else record["note"]
    note = "; ".join(each for each in (_spread(bits), own, _missing(record)) if each)
    envelope = record.get("envelope_bits")
    cells = [
        f"{record['data']}, {record['num_labels']:,} labels",
        record["code"],
        f"{uniform:,.1f}",
        record["published_kbits"] or "-",
        f"**{mean(bits):,.1f}** ({note})",
        f"{mean(bits) / uniform:.4f}",
        "-" if envelope is None else f"{envelope:,}",
        percent(record["test_accuracy"]),
        seconds,
        f"`{record['command']}`",
    ]
    return f"| {' | '.join(cells)} |"


def _spread(bits: Sequence[float]) -> str:
    """How many seeds, and how far their lengths lie apart; of a length that no seed moves, nothing."""
    if len(bits) == 1:
        return "1 seed"
    return f"{len(bits)} seeds: {min(bits):,.1f} - {max(bits):,.1f}, standard deviation {stdev(bits):,.1f}"


def _missing(record: Mapping[str, Any]) -> str:
    """What the record does not say of how it was made."""
    missing = incomplete(record)
    return f"made without a note of its {' and '.join(missing)}, to be made again" if missing else ""


def written(readme: str) -> str:
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"README.md has no lines '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    path = ROOT / "README.md"
    old = path.read_text()
    new = written(old)
    if "--check" in sys.argv[1:]:
        if old != new:
            raise SystemExit("README's table of results is out of date: run python benchmarks/readme_table.py")
    else:
        path.write_text(new)


if __name__ == "__main__":
    main()
