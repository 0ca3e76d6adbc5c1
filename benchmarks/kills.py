"""Commands that are ended again and again at random moments go on where they were, and come to the same results.

    python benchmarks/kills.py --kills 100

Each command runs once undisturbed. Then, in another folder and with another cache, it is begun and ended (by SIGKILL,
SIGTERM and SIGINT in turn) so many times, each time after a random share of that first run's time, and at last runs to
its end. Ten times a second, and after each kill, every file must be whole: results, arrays, messages, nets, figures,
finished work and checkpoints, which are kept every 0.2 seconds here. A command asked to end says so in a line.
In the end both folders must hold the same files, byte for byte but for what tells seconds: JSON keys, arrays and
columns of tables with `second` in their names. No date is in any. Figures, in which seconds may be drawn, are only
looked at whether they are whole. The status is 1 where anything is amiss.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.image
import numpy as np

from mdlcode import finished
from mdlcode.cli import main as run_command
from mdlcode.coding.message import unpack
from mdlcode.files import is_scratch
from mdlcode.learn.nets import checkpoints
from mdlcode.weights.net_file import unpack_net

SMALL = "--arch mlp-1x8 --limit 300"
POSTERIOR = """
codes:
  - kind: variational
    name: posterior
    coding: {kind: bits-back, refinement: {parts: 1, last_parts: 2}}
    learner:
      start: {kind: fresh, arch: mlp-1x8}
      training: {min_steps: 300, max_steps: 300}
"""
COMMANDS = {
    "compare": "compare digits --codes prequential,switch,compressed --limit 200 --out out",
    "encode": f"encode digits --code online {SMALL} --out out/message",
    "compress": f"compress digits --code compressed {SMALL} --out out/net.mdl",
    "bound": f"bound digits --code float32 {SMALL} --out out/bound.json",
    "posterior": "encode digits --config posterior.yaml --code posterior --limit 300 --out out/message",
    "dimension": "dimension digits --arch mlp-1x8 --limit 200 --seeds 1 --baseline 0.5 --precision 2 --out out",
    "grid": "grid digits --config grid.yaml --measures distance,prequential-bits --out out",
    "reproduce": "reproduce li --only table1 --out out --workers 1",
}
ONE_FILE = ("encode", "compress", "bound", "posterior")  # which they write into a folder that is there
GRID = """
axes: {width: [4, 6, 8], lr: [0.1, 0.01]}
fixed: {train_size: 60, depth: 1, batch_size: 32}
training: {steps: 40}
prequential_seeds: [0]
"""
KEEP_SECONDS = 0.2
LOOK_SECONDS = 0.1
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# What a command that was ended may come to: by a signal itself, or as a shell says it of one that ended in good order.
ENDED = {-each for each in SIGNALS} | {128 + each for each in SIGNALS[1:]}


def begun(words: str, folder: Path) -> int:
    """The id of a process that runs a command in a folder. It starts as a copy of this one, which saves its start."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of newer Pythons, about threads
        child = os.fork()
    if child:
        return child
    status: Any = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        os.environ[finished.VARIABLE] = str(folder / "cache")
        checkpoints.EVERY_SECONDS, finished.WORTH_SECONDS = KEEP_SECONDS, 0.0
        sys.argv = ["mdlcode", *words.split()]
        run_command()
        status = 0
    except SystemExit as leaving:
        status = leaving.code or 0
    except KeyboardInterrupt:  # before the command itself began
        status = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status if isinstance(status, int) else 1)


def prepared(folder: Path, name: str) -> Path:
    """A new folder for a command."""
    (folder / "out" if name in ONE_FILE else folder).mkdir(parents=True)
    (folder / "grid.yaml").write_text(GRID)
    (folder / "posterior.yaml").write_text(POSTERIOR)
    return folder


def ended(child: int, folder: Path) -> bool:
    """Whether a process came to its end, or was ended. Raises RuntimeError where it failed or left a traceback."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = (folder / "said").read_text() if (folder / "said").is_file() else ""
    if status not in (0, *ENDED) or "Traceback" in said:
        raise RuntimeError(f"status {status}: {said[-2000:]}")
    return status == 0


def damaged(folder: Path) -> list[str]:
    """The files that are not whole, with the reason."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not is_scratch(path):
            try:
                read(path)
            except FileNotFoundError:  # dropped meanwhile
                continue
            except Exception as error:  # whatever a reader raises
                found.append(f"{path.relative_to(folder)}: {error}")
    return found


def watched(folder: Path, seconds: float) -> list[str]:
    """The files that are not whole at some look within so many seconds."""
    found, ends = set[str](), time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(left, LOOK_SECONDS))
        found.update(damaged(folder))
    return sorted(found)


def read(path: Path) -> Any:
    """What a file says, without seconds. Raises an error where it is not whole."""
    content = path.read_bytes()
    if path.suffix == ".json":
        return timeless(json.loads(content))
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name].tobytes() for name in arrays.files if "seconds" not in name}
    if path.suffix == ".csv":
        return [timeless(row) for row in csv.DictReader(io.StringIO(content.decode()))]
    if path.suffix == ".png":
        mpl.image.imread(io.BytesIO(content))
    elif path.suffix == ".pdf" and not content.rstrip().endswith(b"%%EOF"):
        raise ValueError("its end is missing")
    elif path.suffix == ".mdl":
        unpack_net(content)
    elif path.name == "message":
        unpack(content)
    elif path.parent.parent.name == "cache" and hashlib.sha256(content[32:]).digest() != content[:32]:
        raise ValueError("its checksum is another")
    return content


def timeless(value: Any) -> Any:
    """A value of JSON without what tells time."""
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if "second" not in str(key)}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def outcome(folder: Path) -> dict[str, Any]:
    """What a command left in the end, file by file."""
    files = sorted(path for path in (folder / "out").rglob("*") if path.is_file() and not is_scratch(path))
    return {str(path.relative_to(folder)): read(path) for path in files if path.suffix not in (".png", ".pdf")}


def trial(name: str, kills: int, rng: random.Random, folder: Path) -> tuple[list[int], list[str]]:
    """How many times each signal met a command at work, and all faults."""
    words, plain = COMMANDS[name], prepared(folder / "plain", name)
    begin = time.perf_counter()
    ended(begun(words, plain), plain)
    seconds, met, faults = time.perf_counter() - begin, [0] * len(SIGNALS), list[str]()
    killed = prepared(folder / "0", name)
    for number in range(1, kills + 1):
        child, which = begun(words, killed), number % len(SIGNALS)
        faults += watched(killed, rng.random() * seconds)
        os.kill(child, SIGNALS[which])
        if ended(child, killed):
            faults += different(plain, killed)
            killed = prepared(folder / str(number), name)  # once more from the start
        else:
            met[which] += 1
            faults += damaged(killed)
    ended(begun(words, killed), killed)
    return met, faults + different(plain, killed)


def different(plain: Path, killed: Path) -> list[str]:
    """The files that are other than those of an undisturbed run."""
    left, there = outcome(killed), outcome(plain)
    names = sorted(left.keys() | there.keys())
    return [f"{each} is other than undisturbed" for each in names if left.get(each) != there.get(each)]


def main() -> None:
    """Prints a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="signals in all")
    parser.add_argument("--commands", nargs="+", default=list(COMMANDS), choices=COMMANDS)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    rng, failed = random.Random(chosen.seed), False
    print(f"{'command':<12}{'signals':>8}{'at work: KILL':>15}{'TERM':>6}{'INT':>6}{'faults':>8}{'CPU s':>8}")
    for place, name in enumerate(chosen.commands):
        kills = (chosen.kills + place) // len(chosen.commands)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryDirectory(prefix="mdlcode-kills-") as folder:
            met, faults = trial(name, kills, rng, Path(folder))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{name:<12}{kills:>8}{met[0]:>15}{met[1]:>6}{met[2]:>6}{len(faults):>8}{spent:>8.1f}", flush=True)
        for line in faults:
            print(f"  {line}")
        failed |= bool(faults)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
