"""Files of strangers: some seconds of what `benchmarks/attack.py` tries at random, and headers of nets."""

import importlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdlcode import limits
from mdlcode.coding.message import opened, seal
from mdlcode.errors import MdlError
from mdlcode.weights.net_file import decode_net

NET = b"MDLNET01"


@pytest.fixture(scope="module")
def attack() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
        module = importlib.import_module("attack")
        module.prepare()
        patched.setenv(limits.STEPS, str(module.MOST_STEPS))
        patched.setenv(limits.MEMORY, str(module.MOST_GIB))
        yield module


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "count"), {"messages": 150, "nets": 150, "configs": 150, "results": 60, "images": 60}.items()
)
def test_altered_files_are_refused_in_one_line(kind: str, count: int, attack: ModuleType) -> None:
    @settings(
        max_examples=count, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.randoms(use_true_random=True))
    def holds(rng: random.Random) -> None:
        assert attack.outcome(kind, rng) in ("read", "refused")

    holds()


NETS: list[dict[str, Any]] = [
    {"num_classes": 2 * 10**7},
    {"input_shape": []},
    {"input_shape": [-1]},
    {"input_shape": [10**9, 10**9]},
    {"input_shape": "2"},
    {"arch": 3},
    {"arch": "x" * 5000},
    {"mean": "x"},
    {"mean": [[1.0], [1.0, 2.0]]},
    {"mean": [[0.0] * 7]},
    {"std": [[0.0, 1.0]]},
    {"bf16": "yes"},
    {"views": {"augment": {"kind": "crop"}, "count": 10**9}},
    {"views": 3},
    {"weights": 3},
    {"weights": {"kind": "quantised", "values": {"kind": "grid", "levels": 10**9}}},
    {"subspace": {"dimension": 10**9}},
    {"mdlcode": None},
    {"tensors_checksum": [1]},
]


@pytest.mark.parametrize("fields", NETS, ids=lambda fields: str(fields)[:50])
def test_net_headers_are_held_to_their_schema(fields: dict[str, Any], attack: ModuleType) -> None:
    header, words = opened(NET, attack.nets()[0], "net")
    begin = time.process_time()
    with pytest.raises(MdlError) as error:
        decode_net(seal(NET, header | fields, words))
    assert "\n" not in str(error.value)
    assert time.process_time() - begin < 1
