"""Makes the whole table of results again: each record by the command that it holds, seed by seed.

python benchmarks/full_table.py FOLDER [--only mnist-compressed ...] [--seeds 3] [--more "--device cuda"]

Runs that are whole in FOLDER are not made again, so that the same call goes on after an interruption. Seed 0 of each
record is proved by a decoded message. A record is written once all its seeds are there. Afterwards:
python benchmarks/readme_table.py
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from record import RECORDS, incomplete, record

from mdlcode.errors import MdlError
from mdlcode.experiments.stored import Stored, read_results

SEEDS = {"MNIST": 5, "CIFAR-10": 3}  # of codes that draw; others in the table have as many as MNIST


def command(old: dict[str, Any], seed: int, out: Path, more: list[str]) -> list[str]:
    """The record's command with this seed and folder; seed 0 with its proof.

    >>> old = {"command": "mdlcode compare mnist --codes float32 --seed 3 --threads 1"}
    >>> " ".join(command(old, 1, Path("runs"), []))
    'compare mnist --codes float32 --threads 1 --seed 1 --out runs'
    """
    words = shlex.split(old["command"])[1:]
    if "--seed" in words:
        at = words.index("--seed")
        words = words[:at] + words[at + 2 :]
    kept = [word for word in words if word != "--prove"]
    return [*kept, *more, "--seed", str(seed), *([] if seed else ["--prove"]), "--out", str(out)]


def seeds(old: dict[str, Any], most: int | None) -> range:
    """The seeds to run: one for a code that draws nothing."""
    if old["code"] == "uniform":
        return range(1)
    return range(most or SEEDS.get(old["data"], SEEDS["MNIST"]))


def stored(folder: Path) -> Stored | None:
    """The run of a results folder, if it is there and whole."""
    try:
        found = read_results(folder)
    except MdlError:
        return None
    return found[0] if len(found) == 1 and not incomplete(vars(found[0].result)) else None


def remade(name: str, old: dict[str, Any], folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """The record with every seed measured. Ends the program where a command fails."""
    runs = []
    for seed in seeds(old, options.seeds):
        out = folder / name / f"seed-{seed}"
        if stored(out) is None:
            words = command(old, seed, out, shlex.split(options.more))
            print(f"{name}, seed {seed}: mdlcode {shlex.join(words)}", flush=True)
            if status := subprocess.run([sys.executable, "-m", "mdlcode", *words]).returncode:
                raise SystemExit(status)
        if (run := stored(out)) is None:
            raise SystemExit(f"{out} holds no single whole result")
        runs.append(run)
    fields = {"published": old["published_kbits"], "machine": options.machine or old["machine"]}
    kept = {key: old[key] for key in ("order", "data", "note", "tried", "chosen_on")}
    made = record(runs[0], argparse.Namespace(**fields, **kept, seeds=[]))
    by_seed = {str(run.result.seed): round(run.result.total_bits, 1) for run in runs}
    return {**made, "code": old["code"], "command": old["command"], "total_bits_by_seed": by_seed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", help="Names of records; all by default.")
    parser.add_argument("--seeds", type=int, help="For every record; by default 3 for CIFAR-10 and 5 for others.")
    parser.add_argument("--more", default="", help="Options that are added to each command.")
    parser.add_argument("--machine", help="What it runs on; by default what the record says.")
    options = parser.parse_args()
    names = options.only or [path.stem for path in sorted(RECORDS.glob("*.json"))]
    for name in names:
        path = RECORDS / f"{name}.json"
        if not path.exists():
            raise SystemExit(f"no record '{name}': {', '.join(sorted(each.stem for each in RECORDS.glob('*.json')))}")
        made = remade(name, json.loads(path.read_text()), options.folder, options)
        path.write_text(json.dumps(made, indent=1) + "\n")
        print(f"{name}: {made['total_bits_by_seed']}", flush=True)


if __name__ == "__main__":
    main()
