"""Turns a results folder into records that README's table is made from.

python benchmarks/record.py FOLDER --name mnist-compressed --data MNIST --order 22 [--published "> 400"]
    [--machine "..."] [--note "..."] [--seeds FOLDER ...]
one record a code, with the totals of the same codes under other seeds; then: python benchmarks/readme_table.py
"""

import argparse
import json
import re
from pathlib import Path

from mdlcode.experiments.stored import Stored, read_results

RECORDS = Path(__file__).parent / "records"


def record(run: Stored, options: argparse.Namespace) -> dict[str, object]:
    result = run.result
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
        "command": re.sub(r" (--out|-o) \S+", "", result.command),
        "machine": options.machine or result.device,
        "versions": result.versions,
        "config": result.config,
        "note": options.note,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True, help="File name; with several codes the code's follows.")
    parser.add_argument("--data", help="The data set as the table names it.")
    parser.add_argument("--order", type=int, default=99, help="Place in the table.")
    parser.add_argument("--published", help="Published kilobits, as text.")
    parser.add_argument("--machine", help="What it ran on.")
    parser.add_argument("--note", default="")
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
