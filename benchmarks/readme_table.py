"""Writes README's table of results from benchmarks/records; with --check says whether it is up to date.

python benchmarks/readme_table.py [--check]
"""

import json
import sys
from pathlib import Path
from typing import Any

from mdlcode.codelength import uniform_bits
from mdlcode.report.tables import percent

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- results: python benchmarks/readme_table.py -->", "<!-- end of results -->"
HEADER = "| data | code | uniform | published, kbits | bits here | ratio | test accuracy | seconds | command |"
RULE = "|---|---|---:|---:|---:|---:|---:|---:|---|"


def table() -> str:
    records = [json.loads(path.read_text()) for path in sorted((ROOT / "benchmarks" / "records").glob("*.json"))]
    return "\n".join([HEADER, RULE, *map(_row, sorted(records, key=lambda each: each["order"]))])


def _row(record: dict[str, Any]) -> str:
    uniform = uniform_bits(record["num_labels"], record["num_classes"])
    seconds = "-" if record["seconds"] is None else f"{record['seconds']:,.0f}"
    seeds = list(record.get("total_bits_by_seed", {}).values())
    spread = f"{len(seeds)} seeds: {min(seeds):,.1f} - {max(seeds):,.1f}" if len(seeds) > 1 else ""
    note = "; ".join(each for each in (spread, record["note"]) if each)
    cells = [
        f"{record['data']}, {record['num_labels']:,} labels",
        record["code"],
        f"{uniform:,.1f}",
        record["published_kbits"] or "-",
        f"**{record['total_bits']:,.1f}**" + (f" ({note})" if note else ""),
        f"{record['total_bits'] / uniform:.4f}",
        percent(record["test_accuracy"]),
        seconds,
        f"`{record['command']}`",
    ]
    return f"| {' | '.join(cells)} |"


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
