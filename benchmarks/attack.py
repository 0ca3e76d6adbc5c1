"""Altered messages, nets' files, configs, results and images: each is refused in one line, or read as it was meant.

    python benchmarks/attack.py --messages 10000 --nets 5000 --configs 2000 --results 1000 --images 500

Every trial changes one file of a small set at random: values, keys and nesting of its header with the checksum made
anew, its coded words, or its bytes. A trial is a fault where it ends in another error than MdlError, in other labels
than were sent, or takes more than 2 s of processor time. The table counts these; the status is 1 where there are any.
"""

import argparse
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable

import numpy as np
import torch
import yaml
from attack_changes import altered, edited, flipped, odd_arrays, scrambled
from attack_files import configs, data, folder, images, messages, nets, prepare, results

from mdlcode import limits
from mdlcode.codes.base import code_of, decode
from mdlcode.coding.message import unpack
from mdlcode.data import View, load
from mdlcode.errors import MdlError
from mdlcode.experiments.shown import results_table
from mdlcode.experiments.stored import read_results
from mdlcode.experiments.tasks import Comparison, checked, read_config, source_of
from mdlcode.plots.kinds import KINDS, draw
from mdlcode.weights.net_file import decode_net

MESSAGE, NET = b"MDLCODE1", b"MDLNET01"
SLOW_SECONDS, HANGS_SECONDS = 2.0, 10.0
# What Bob allows: a decoding here takes a hundred steps.
MOST_STEPS, MOST_GIB = 1000, 0.25


def trial_message(rng: random.Random) -> str:
    """What comes of one altered message."""
    magic, file, labels = MESSAGE, *rng.choice(messages())
    message, shared = altered(rng, magic, file), data().shared
    header, _ = unpack(message)
    code_of(header)
    source_of(header)
    if not np.array_equal(decode(shared, message), labels):
        raise AssertionError("other labels than were sent")
    return "read"


def trial_net(rng: random.Random) -> str:
    """What comes of one altered net's file."""
    learned = decode_net(altered(rng, NET, rng.choice(nets())))
    learned.predict(torch.zeros(2, *learned._shapes[0]))
    return "read"


def trial_config(rng: random.Random) -> str:
    """What comes of one altered config."""
    path = folder() / "config.yaml"
    values = edited(rng, {"limit": 30, "seed": 1, "codes": [{"name": "mine", **rng.choice(configs())}]})
    try:
        text = yaml.safe_dump(values)
    except (yaml.YAMLError, RecursionError):
        text = json.dumps(values)
    path.write_text(text if rng.random() < 0.7 else scrambled(rng, text))
    task = checked(Comparison, read_config(path), path)
    task.named_codes()
    assert isinstance(task.view, View)
    return "read"


def trial_results(rng: random.Random) -> str:
    """What comes of one altered folder of results."""
    rows, arrays = results()
    place = folder() / "results"
    place.mkdir(exist_ok=True)
    for path in place.iterdir():
        path.unlink()
    part = rng.random()
    (place / "results.json").write_text(json.dumps(edited(rng, rows) if part < 0.7 else rows))
    for name, held in arrays.items():
        with (place / name).open("wb") as file:
            np.savez(file, allow_pickle=False, **(odd_arrays(rng, held) if part > 0.6 else held))
        if part > 0.95:
            (place / name).write_bytes(flipped(rng, (place / name).read_bytes()))
    runs = read_results(place)
    table = results_table([run.result for run in runs])
    assert table.html().count("<tr>") == table.latex().count(r"\\") == len(runs) + 1
    assert sum(line.startswith("| ") for line in table.markdown().splitlines()) == len(runs) + 2
    table.csv()
    draw(rng.choice([*KINDS]), runs)
    return "read"


def trial_image(rng: random.Random) -> str:
    """What comes of one altered image."""
    place = folder() / "images" / "a"
    place.mkdir(parents=True, exist_ok=True)
    kind, good = rng.choice(images())
    for path in place.iterdir():
        path.unlink()
    (place / f"0.{kind}").write_bytes(good)
    (place / "1.png").write_bytes(flipped(rng, good))
    (place.parent / "b").mkdir(exist_ok=True)
    (place.parent / "b" / "2.png").write_bytes(images()[0][1])
    load(str(place.parent), resize=(8, 8))
    return "read"


TRIALS: dict[str, Callable[[random.Random], str]] = {
    "messages": trial_message,
    "nets": trial_net,
    "configs": trial_config,
    "results": trial_results,
    "images": trial_image,
}


class HangsError(Exception):
    """A trial that was ended, as it went on for too long."""


def outcome(kind: str, rng: random.Random) -> str:
    """What comes of one trial: "read", "refused", or the fault that it is."""

    def end(*_: object) -> None:
        raise HangsError

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, HANGS_SECONDS)
    begin = time.process_time()
    try:
        came = TRIALS[kind](rng)
    except MdlError:
        came = "refused"
    except Exception:  # of any other kind: what is looked for
        came = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    seconds = time.process_time() - begin
    return came if seconds < SLOW_SECONDS else f"takes {seconds:.1f} s: {came}"


def main() -> None:
    """Runs the trials and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind, count in zip(TRIALS, (1000, 500, 200, 100, 50), strict=True):
        parser.add_argument(f"--{kind}", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    os.environ |= {limits.STEPS: str(MOST_STEPS), limits.MEMORY: str(MOST_GIB)}
    faults, first = Counter[str](), dict[str, int]()
    warnings.simplefilter("ignore")
    prepare()
    heads = ("trials", "refused", "read", "faults", "slowest s", "CPU s", "peak MiB")
    print(f"{'files':<10}" + "".join(f"{head:>10}" for head in heads))
    for kind in TRIALS:
        count, found, slowest, begin = getattr(asked, kind), Counter[str](), 0.0, time.process_time()
        for index in range(count):
            start = time.process_time()
            came = outcome(kind, random.Random(f"{asked.seed} {kind} {index}"))
            slowest = max(slowest, time.process_time() - start)
            found[came if came in ("read", "refused") else "fault"] += 1
            if came not in ("read", "refused"):
                faults[came] += 1
                first.setdefault(came, index)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds = time.process_time() - begin
        print(
            f"{kind:<10}{count:>10,}{found['refused']:>10,}{found['read']:>10,}{found['fault']:>10,}"
            f"{slowest:>10.2f}{seconds:>10.0f}{peak:>10,.0f}",
            flush=True,
        )
    for fault, times in faults.most_common():
        print(f"\n{times} x, first at {first[fault]}: {fault}", file=sys.stderr)
    if faults:
        sys.exit(1)


if __name__ == "__main__":
    main()
