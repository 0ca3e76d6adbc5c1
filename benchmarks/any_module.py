"""Any module, in all codes: 25 small architectures of torchvision, 10 small transformers and recurrent nets.

Each cell is one encoding and one decoding of the labels of random inputs after a training of one step or two:
"works" where the labels come back, else why the module was refused. This is a check of function, not of codelengths.

python benchmarks/any_module.py [--only resnet18 lstm ...] [--codes uniform float32 ...]
"""

import argparse
import time
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from sequence_nets import SEQUENCES, TOKENS
from vision_nets import SIDES, VISION

from mdlcode.bayes.bits_back import BitsBack
from mdlcode.codes import Code, Listed, Online
from mdlcode.codes.online import Streams
from mdlcode.codes.presets import PRESETS
from mdlcode.config import replaced
from mdlcode.data import Data, from_arrays
from mdlcode.errors import MdlError
from mdlcode.learn import Steps

CLASSES = 3
LARGE = 100_000  # parameters, from which on a fifth of the labels must do
globals().update(VISION | SEQUENCES)  # so that `any_module:NAME` names each


def inputs_of(name: str, count: int) -> Data:
    """Random inputs and labels of three classes."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % CLASSES
    if name in VISION:
        side = SIDES.get(name, 32)
        return from_arrays(random.integers(0, 256, (count, 3, side, side), dtype=np.uint8), labels)
    if name in TOKENS:
        return from_arrays(random.integers(0, 30, (count, 10)), labels, standardise="none")
    return from_arrays(random.normal(size=(count, 10, 6)).astype(np.float32), labels)


def _instead(value: object, old: object) -> object:
    return value


def shortened(code: Code, arch: str, count: int) -> Code:
    """A named code whose nets are all `arch`, trained for two steps; prequential codes in two blocks."""
    few = Steps(epochs=1, min_steps=2, max_steps=2, batch_size=16)
    changes = {"arch": arch, "training": few, "last_training": few, "schedule": Listed((count // 2,))}
    changes["dimension"] = 400 if arch.split(":")[1] in VISION else 100
    for field, value in changes.items():
        code = replaced(code, field, partial(_instead, value))
    if isinstance(code, Online):
        return replace(code, batch_size=-(-count // 3), replay=Streams(1))
    return replaced(code, "coding", lambda old: BitsBack()) if arch.split(":")[1] in VISION else code


def tried(code: Code, data: Data) -> str:
    """ "works", or the reason of a refusal; whatever else comes of it is an error here."""
    try:
        message = code.encode(data)
    except MdlError as error:
        return f"refused: {error}"
    same = np.array_equal(code.decode(data.shared, message), data.labels)
    return "works" if same else "WRONG LABELS"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", default=[*VISION, *SEQUENCES], choices=[*VISION, *SEQUENCES])
    parser.add_argument("--codes", nargs="+", default=[*PRESETS], choices=[*PRESETS])
    parser.add_argument("--labels", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=UserWarning)  # the estimators' of few labels
    print(f"| module | parameters | {' | '.join(options.codes)} | seconds |")
    print(f"|---|---:|{'---|' * len(options.codes)}---:|")
    for name in options.only:
        begin, data = time.perf_counter(), inputs_of(name, options.labels)
        count = sum(each.numel() for each in (VISION | SEQUENCES)[name](data.shared.shape, CLASSES).parameters())
        if count > LARGE:
            data = inputs_of(name, options.labels // 5)
        cells = [tried(shortened(PRESETS[code], f"any_module:{name}", len(data)), data) for code in options.codes]
        seconds = time.perf_counter() - begin
        print(f"| {name} | {count:,} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
