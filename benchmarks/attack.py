"""Altered messages, nets' files, configs, results and images: each is refused in one line, or read as it was meant.

    python benchmarks/attack.py --messages 10000 --nets 5000 --configs 2000 --results 1000 --images 500

Every trial changes one file of a small set at random: values, keys and nesting of its header with the checksum made
anew, its coded words, or its bytes. A trial is a fault where it ends in another error than MdlError, in other labels
than were sent, or takes more than 2 s of processor time. The table counts these; the status is 1 where there are any.
"""

import argparse
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
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image

from mdlcode import limits
from mdlcode.bayes import BayesLearner
from mdlcode.codes import (
    BestOf,
    Code,
    Frequencies,
    Listed,
    Online,
    Prequential,
    Subspace,
    TwoPart,
    Uniform,
    Variational,
)
from mdlcode.codes.base import code_of, decode
from mdlcode.codes.presets import PRESETS
from mdlcode.coding.channel import Words
from mdlcode.coding.message import opened, seal, unpack
from mdlcode.config import to_config
from mdlcode.data import Data, View, from_arrays, load
from mdlcode.errors import MdlError
from mdlcode.experiments.compare import compare
from mdlcode.experiments.shown import results_table
from mdlcode.experiments.stored import read_results
from mdlcode.experiments.tasks import Comparison, checked, read_config, source_of
from mdlcode.learn import EstimatorLearner, FrequencyLearner, NetLearner, NetPredictor, Steps, SubspaceLearner
from mdlcode.nets import build
from mdlcode.plots.kinds import KINDS, draw
from mdlcode.weights import Float16, Float32, Grid, Quantised
from mdlcode.weights.net_file import decode_net, pack_net

MESSAGE, NET = b"MDLCODE1", b"MDLNET01"
SLOW_SECONDS, HANGS_SECONDS = 2.0, 10.0
# What Bob allows: a decoding here takes a hundred steps.
MOST_STEPS, MOST_GIB = 1000, 0.25
FEW = Steps(min_steps=3, max_steps=3)
NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 7, 0.5, -0.5, 1e308, 1e-308, float("inf"), float("nan")),
    *(2**31, 2**53, 2**63, 2**64, 10**12, 65536, 65537, 10**6, "", "x", "7", "net", "uniform", "auto", "1e9"),
    *("x" * 5000, "os:system", ".x:y", "math:gcd", "a.b:", "{0}", "{torch:>1000000000}", "\x1b[31m\u202e", "$\\frac"),
    *([], {}, [[]], [1, "a"], {"kind": "net"}, {"kind": ["a"]}, {"kind": "uniform", "": 0}, {"__dataclass_self__": 1}),
)


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


def altered(rng: random.Random, magic: bytes, file: bytes) -> bytes:
    """The file with its header, its words or its bytes changed; most with a checksum that fits."""
    way = rng.random()
    if way < 0.1:
        return flipped(rng, file)
    fields, words = opened(magic, file, "file")
    if way < 0.4:
        return seal(magic, fields, odd_words(rng, words))
    return seal(magic, edited(rng, fields), words)


def flipped(rng: random.Random, content: bytes) -> bytes:
    """The bytes with some of them changed, or cut, or with more of them."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] ^= rng.randrange(1, 256)
    return bytes(rng.choice([changed, content[: rng.randrange(len(content))], content + bytes(changed[:9])]))


def odd_words(rng: random.Random, words: Words) -> Words:
    """The words with one bit changed, cut, lengthened, zeroed at the end, or none at all."""
    changed = words.copy()
    if len(changed):
        changed[rng.randrange(len(changed))] ^= np.uint32(1 << rng.randrange(32))
    zero, some = np.zeros(1, dtype=np.uint32), np.array([rng.getrandbits(32) for _ in range(9)], dtype=np.uint32)
    ways = (changed, changed[: rng.randint(0, len(changed))], np.append(words, zero), some, words[::-1], words[:0])
    return np.ascontiguousarray(ways[rng.randrange(len(ways))])


def edited(rng: random.Random, tree: Any) -> Any:
    """The plain values with one or two of them replaced, taken out, renamed, added or wrapped."""
    tree = json.loads(json.dumps(tree))
    for _ in range(rng.randint(1, 2)):
        places = [(tree, key) for key in _keys(tree)]
        for parent, key in places:
            places += [(parent[key], inner) for inner in _keys(parent[key])]
        if not places:
            return deepcopy(rng.choice(NASTY))
        parent, key = rng.choice(places)
        way = rng.randrange(8)
        if way < 4:
            parent[key] = deepcopy(rng.choice(NASTY))
        elif way == 4:
            del parent[key]
        elif way == 5:
            parent[key] = _scaled(rng, parent[key])
        elif way == 6:
            other = rng.choice(places)
            parent[key] = json.loads(json.dumps(other[0][other[1]])) if other[1] in _keys(other[0]) else None
        else:
            parent[key] = _deep(rng, parent[key])
    return tree


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []


def _scaled(rng: random.Random, value: Any) -> Any:
    if isinstance(value, int | float):
        return value * rng.choice([-1, 0, 2, 10, 1000, 10**6, 10**9, 1e-3, 1e-9])
    return value * 3 if isinstance(value, str | list) else {**(value or {}), rng.choice(["kind", "x", "seed"]): 1}


def _deep(rng: random.Random, value: Any) -> Any:
    for _ in range(rng.choice([1, 20, 300])):
        value = rng.choice([[value], {"kind": "best-of", "codes": [{"kind": "uniform"}, value]}])
    return value


def scrambled(rng: random.Random, text: str) -> str:
    """The YAML text with something put in that YAML gives a meaning to."""
    odd = ("&a [*a]", "!!python/object:os.system x", "2020-01-01", "!!binary eA==", ".inf", ".nan", "1: 2", "{", "%")
    laughs = "\n".join(f"a{i}: &a{i} [{', '.join(3 * [f'*a{i - 1}'])}]" if i else "a0: &a0 x" for i in range(30))
    merged = "\n".join(f"m{i}: &m{i} {{<<: [*m{i - 1}, *m{i - 1}]}}" if i else "m0: &m0 {x: 1}" for i in range(30))
    place = rng.randrange(len(text) + 1)
    put = text[:place] + f" {rng.choice(odd)} " + text[place:]
    return rng.choice([put, put, text[:place], f"{laughs}\n{text}", f"{merged}\n{text}"])


def odd_arrays(rng: random.Random, arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a result, one of them gone, cut, of another type or shape, or with odd values."""
    changed, name = dict(arrays), rng.choice(list(arrays))
    values = changed[name]
    ways: list[Callable[[], Any]] = [
        *(lambda: values[:-1], lambda: values[None], lambda: values * np.nan, lambda: values.astype("U8")),
        *(
            lambda: values.astype(complex),
            lambda: np.zeros(0),
            lambda: -values.astype(float),
            lambda: values.astype(bool),
        ),
        *(lambda: np.full(values.shape, 1e308), lambda: np.zeros((len(values), 3)), lambda: values[::-1]),
    ]
    if (way := rng.randrange(len(ways) + 1)) == len(ways):
        del changed[name]
    else:
        changed[name] = ways[way]()
    return changed


def prepare() -> None:
    """Makes the good files, before the clocks run."""
    for made in (messages, nets, configs, results, images):
        made()


@cache
def data() -> Data:
    """Thirty labels of three classes."""
    points = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    return from_arrays(points, (np.arange(30) % 3).tolist())


@cache
def messages() -> list[tuple[bytes, Any]]:
    """Small messages of all kinds of codes, and the labels that they tell."""
    net = NetLearner(arch="linear", training=FEW)
    codes: list[Code] = [
        *(Uniform(), Frequencies(), TwoPart(net), TwoPart(net, Quantised(Grid(5))), Online(arch="linear")),
        Prequential((net, FrequencyLearner(), EstimatorLearner("sklearn.naive_bayes:GaussianNB")), Listed((10,))),
        Subspace(SubspaceLearner(arch="linear", dimension=5, training=FEW)),
        Variational(BayesLearner(training=FEW)),
        BestOf((Uniform(), TwoPart(net))),
    ]
    source = {"name": "mine", "view": to_config(View()), "reading": {"target": None, "resize": None}}
    return [(code.transmitted(data(), source)[0], data().labels) for code in codes]


@cache
def nets() -> list[bytes]:
    """Small nets' files."""
    made = []
    for arch, weights in (("linear", Float32()), ("mlp-1x3", Quantised(Grid(5))), ("linear", Float16())):
        torch.manual_seed(0)
        learned = NetPredictor(build(arch, data().shared.shape, 3), data().shared, bf16=False)
        made.append(pack_net(learned, arch, data().shared.shape, 3, weights))
    span = Subspace(SubspaceLearner(arch="linear", dimension=5, training=FEW))
    learned = span.learner.fit(data().shared, data().labels)
    return [*made, pack_net(learned, "linear", data().shared.shape, 3, span.weights)]


@cache
def configs() -> list[dict[str, Any]]:
    """The named codes as configs."""
    return [to_config(code) for code in PRESETS.values()]


@cache
def results() -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Stored results of two codes, and their arrays by file."""
    place = folder() / "good"
    experts = Prequential((FrequencyLearner(), EstimatorLearner("sklearn.naive_bayes:GaussianNB")), Listed((10,)))
    compare(data(), [Uniform(), experts], place)
    arrays = {path.name: dict(np.load(path, allow_pickle=False)) for path in sorted(place.glob("*.npz"))}
    return json.loads((place / "results.json").read_text()), arrays


@cache
def images() -> list[tuple[str, bytes]]:
    """Small images in all formats that are read."""
    grey = Image.fromarray(np.random.default_rng(0).integers(256, size=(8, 8), dtype=np.uint8))
    made = []
    for kind in ("png", "jpeg", "bmp", "ppm", "webp", "tiff", "gif"):
        file = io.BytesIO()
        grey.save(file, kind)
        made.append((kind, file.getvalue()))
    return made


@cache
def folder() -> Path:
    """Where the files of this process lie."""
    return Path(tempfile.mkdtemp(prefix="mdlcode-attack-"))


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
