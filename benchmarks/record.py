"""Turns a results folder into records that README's table is made from.

python benchmarks/record.py FOLDER --name mnist-compressed --data MNIST --order 22 --tried 12
    --chosen-on "MNIST, 60,000 training labels" [--published "> 400"] [--machine "..."] [--note "..."]
    [--seeds FOLDER ...]
one record a code, with the totals of the same codes under other seeds; then: python benchmarks/readme_table.py
A run without its config, seed or versions is not recorded.
"""

import argparse
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mdlcode.experiments.stored import Stored, read_results

RECORDS = Path(__file__).parent / "records"


def record(run: Stored, options: argparse.Namespace) -> dict[str, object]:
    """The record. Ends the program for a run that does not say what it was made with."""
    result = run.result
    if missing := incomplete(asdict(result)):
        raise SystemExit(f"{run.name} does not say its {', '.join(missing)}: measure it again")
    others = [each for folder in options.seeds for each in read_results(folder) if each.name == run.name]
    seeds = {str(each.result.seed): round(each.result.total_bits, 1) for each in [run, *others]}
    return {
        "order": options.order,
        "data": options.data or result.dataset,
        "code": run.name,
        "num_labels": result.num_labels,
        "num_classes": result.num_classes,
        "published_kbits": options.published,
        "total_bits": round(result.total_bits, 1),
        "test_accuracy": result.test_accuracy,
        "seconds": round(result.seconds, 1),
        "seed": result.seed,
        "total_bits_by_seed": seeds,
        "envelope_bits": result.envelope_bits,
        "tried": options.tried,
        "chosen_on": options.chosen_on,
        "command": re.sub(r" (--out|-o) \S+", "", result.command),
        "machine": options.machine or result.device,
        "versions": result.versions,
        "config": result.config,
        "proof": None if result.proof is None else asdict(result.proof),
        "note": options.note,
    }


def incomplete(values: Mapping[str, Any]) -> list[str]:
    """What a result or record does not say of how it was made.

    >>> incomplete({"config": {"kind": "uniform"}, "seed": 0, "versions": {"torch": "2.15.0"}})
    ['versions']
    """
    known = {**dict.fromkeys(("config", "seed", "versions")), **values}
    bad = {"versions"} if not set(known["versions"] or ()) >= {"python", "mdlcode", "torch", "numpy"} else set()
    return sorted(bad | {name for name in ("config", "seed") if known[name] in (None, {})})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True, help="File name; with several codes the code's follows.")
    parser.add_argument("--data", help="The data set as the table names it.")
    parser.add_argument("--order", type=int, default=99, help="Place in the table.")
    parser.add_argument("--published", help="Published kilobits, as text.")
    parser.add_argument("--machine", help="What it ran on.")
    parser.add_argument("--note", default="")
    parser.add_argument("--tried", type=int, required=True, help="How many settings were tried before these were kept.")
    parser.add_argument("--chosen-on", required=True, help="The labels that settings were chosen by.")
    parser.add_argument("--seeds", type=Path, nargs="*", default=[], help="Folders of the same codes, other seeds.")
    options = parser.parse_args()
    runs = read_results(options.folder)
    for run in runs:
        name = options.name if len(runs) == 1 else f"{options.name}-{re.sub('[^a-z0-9]+', '-', run.name.lower())}"
        path = RECORDS / f"{name}.json"
        path.write_text(json.dumps(record(run, options), indent=1) + "\n")
        print(path)


if __name__ == "__main__":
    main()
