"""Files of strangers: some seconds of what `benchmarks/attack.py` tries at random, and attacks that are known."""

import importlib.util
import json
import os
import random
import re
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdlcode import limits
from mdlcode.bayes import BayesLearner
from mdlcode.codes import (
    BestOf,
    Buffer,
    Code,
    Frequencies,
    Online,
    Prequential,
    Streams,
    TwoPart,
    Uniform,
    Variational,
    decode,
)
from mdlcode.coding.message import opened, pack, seal, unpack
from mdlcode.data import Data, from_arrays
from mdlcode.errors import MdlError, MessageError
from mdlcode.experiments.compare import compare
from mdlcode.experiments.stored import read_results
from mdlcode.experiments.tables import Table
from mdlcode.experiments.tasks import Comparison, checked, read_config, source_of
from mdlcode.learn import EnsembleLearner, EstimatorLearner, FixMatch, NetLearner, Steps, Views
from mdlcode.nets import build
from mdlcode.plots.kinds import draw
from mdlcode.report.document import MARKER
from mdlcode.report.readers import read_document
from mdlcode.report.reproduction import Reproduction
from mdlcode.weights.net_file import decode_net

MESSAGE, NET = b"MDLCODE1", b"MDLNET01"


@pytest.fixture(scope="module")
def attack() -> Iterator[ModuleType]:
    path = Path(__file__).parent.parent / "benchmarks" / "attack.py"
    spec = importlib.util.spec_from_file_location("attack", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.prepare()
    before = {name: os.environ.get(name) for name in (limits.STEPS, limits.MEMORY)}
    os.environ |= {limits.STEPS: str(module.MOST_STEPS), limits.MEMORY: str(module.MOST_GIB)}
    yield module
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def data() -> Data:
    return from_arrays(np.arange(24.0).reshape(12, 2), [0, 1] * 6)


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


def of_message(message: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    fields, words = opened(MESSAGE, message, "message")
    change(fields)
    return seal(MESSAGE, fields, words)


FIELDS: list[dict[str, Any]] = [
    {"num_classes": 10**6},
    {"num_classes": "10"},
    {"num_classes": True},
    {"num_labels": -1},
    {"num_labels": 1e300},
    {"code": "uniform"},
    {"code": {"kind": "uniform", "__dataclass_self__": 1}},
    {"inputs": "\x1b[31m"},
    {"labels_checksum": None},
    {"environment": {"torch": "1"}},
    {"environment": 3},
    {"spare_words": 2**40},
    {"more": 1},
]


@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_headers_are_held_to_their_schema(fields: dict[str, Any], data: Data) -> None:
    begin = time.process_time()
    with pytest.raises(MdlError) as error:
        decode(data.shared, of_message(Uniform().encode(data), lambda header: header.update(fields)))
    assert "\n" not in str(error.value)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "made", [3, [], {"view": {"limit": -1}}, {"view": 3}, {"reading": {"resize": [1]}}, {"x": 1}], ids=str
)
def test_what_a_header_says_of_its_data_is_held_to_a_schema(made: Any, data: Data) -> None:
    with pytest.raises(MdlError):
        source_of(unpack(of_message(Uniform().encode(data), lambda header: header.update(data=made)))[0])


def test_a_text_of_a_header_is_no_format(data: Data) -> None:
    net = TwoPart(NetLearner(arch="linear", training=Steps(min_steps=1, max_steps=1)))
    wide = "{torch:>1000000000}{theirs}"
    message = of_message(net.encode(data), lambda header: header["environment"].update(torch=wide))
    with pytest.raises(MessageError, match=re.escape(f"install torch {wide}")):
        net.decode(data.shared, message)


def nested(depth: int) -> Any:
    value: Any = {"kind": "uniform"}
    for _ in range(depth):
        value = {"kind": "best-of", "codes": [{"kind": "uniform"}, value]}
    return value


def test_deep_and_large_headers(data: Data) -> None:
    message = Uniform().encode(data)
    with pytest.raises(MessageError, match="takes more than 8,388,608 bytes"):
        unpack(_with_head(b'{"a": "' + b"0" * 10**7 + b'"}'))
    with pytest.raises(MessageError, match="another version"):
        unpack(_with_head(b"[" * 10**6))
    with pytest.raises(MessageError, match="another version"):
        unpack(_with_head(b'{"a": ' + b"9" * 10**6 + b"}"))
    with pytest.raises(MdlError, match="nested more than 32 deep"):
        unpack(of_message(message, lambda header: header.update(code=nested(300))))
    with pytest.raises(MdlError, match="more than 1,000,000 values"):
        unpack(_with_head(b"[" + b"0," * 1_100_000 + b"0]"))
    assert unpack(of_message(message, lambda header: header.update(code=nested(5))))[0].code == nested(5)


def _with_head(text: bytes) -> bytes:
    """A message with these bytes as its header."""
    body = zlib.compress(text)
    body = len(body).to_bytes(4, "little") + body
    return MESSAGE + zlib.crc32(body).to_bytes(4, "little") + body


def test_words_that_no_sender_writes(data: Data) -> None:
    code = Frequencies()
    header, words = unpack(code.encode(data))
    for odd in (np.append(words, np.uint32(0)), words[:0], np.zeros(3, dtype=np.uint32)):
        with pytest.raises(MessageError):
            code.decode(data.shared, pack(header, odd.astype(np.uint32)))


def test_many_classes_take_little_memory_where_the_code_is_uniform() -> None:
    import tracemalloc

    wide = from_arrays(np.arange(2000.0).reshape(1000, 2), [0, 1] * 500, num_classes=2**13)
    message = Uniform().encode(wide)
    tracemalloc.start()
    decoded = decode(wide.shared, message)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(decoded, wide.labels)
    assert peak < 8 * 1000 * 2**13 * 2  # bytes of all rows at once


HUGE: list[Callable[[], object]] = [
    lambda: Streams(count=10**7),
    lambda: Buffer(count=10**7),
    lambda: EnsembleLearner(NetLearner(), size=10**9),
    lambda: BayesLearner(predictive_draws=10**9),
    lambda: Variational(extra_draws=10**9),
    lambda: FixMatch(batch_size=10**9),
    lambda: Views(augment={"kind": "crop"}, count=10**9),  # type: ignore[arg-type]
    lambda: Steps(epochs=float("inf")),
    lambda: Steps(min_steps=10**13),
    lambda: NetLearner(seed=2**64),
    lambda: EstimatorLearner(seed=-1),
]


@pytest.mark.parametrize("made", range(len(HUGE)))
def test_settings_have_limits(made: int) -> None:
    with pytest.raises(MdlError, match=r"at (most|least) .* is needed|above|below|a finite number"):
        HUGE[made]()


LONG: list[Code] = [
    Online(batch_size=1, replay=Streams(10_000)),
    Prequential((NetLearner(training=Steps(min_steps=10**10, max_steps=10**10)),)),
    Prequential((EnsembleLearner(NetLearner(training=Steps(min_steps=10**5)), size=10_000),)),
    Prequential((EstimatorLearner("sklearn.ensemble:RandomForestClassifier", {"n_estimators": 10**9}),)),
]


@pytest.mark.parametrize("code", LONG, ids=lambda code: code.kind)
def test_work_is_refused_before_it_is_begun(code: Code, monkeypatch: pytest.MonkeyPatch, data: Data) -> None:
    monkeypatch.setenv(limits.STEPS, "10000")
    with pytest.raises(MdlError, match=r"takes [\d,]+ steps, over 10,000: allow more \(`max_steps`\)"):
        code.codelength(data)


@pytest.mark.parametrize("arch", ["mlp-99x99999", "shallow"])
def test_nets_are_refused_before_they_are_built(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.MEMORY, "0.125")
    begin = time.process_time()
    with pytest.raises(MdlError, match=r"parameters takes .* GiB of memory, over 0\.125"):
        build(arch, (3, 64, 64), 10**4)
    assert time.process_time() - begin < 2


def test_rows_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch, data: Data) -> None:
    monkeypatch.setenv(limits.MEMORY, "0.0000001")
    with pytest.raises(MdlError, match="12 labels of 2 classes takes"):
        Uniform().codelength(data)


def test_limits_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.STEPS, "many")
    with pytest.raises(MdlError, match="MDLCODE_MAX_STEPS=many in the environment is no number"):
        limits.require_steps(1, "x")


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


CONFIGS = {
    "codes: [{kind: [a]}]": "no code of kind",
    "1: 2": "has the key '1': keys are texts",
    "codes: [{kind: uniform, 1: 2}]": "keys are texts",
    "codes: [{kind: uniform, __dataclass_self__: 1}]": "__dataclass_self__",
    "__dataclass_self__: 1": "__dataclass_self__",
    "limit: 2020-01-01": "holds a date: put it into quotes",
    "limit: !!python/object:os.system x": "can't be read",
    "limit: !!binary eA==": "holds a bytes",
    "codes: &a [*a]": "aliases",
    "codes: &a {x: *a}": "aliases",
    "codes: [{kind: prequential, learners: [{kind: net, training: {epochs: .inf}}]}]": "holds inf",
    "codes: [{kind: prequential, learners: [{kind: checkpointed, checkpoints: [.nan]}]}]": "holds nan",
    "codes: [{kind: prequential, schedule: {kind: geometric, ratio: .inf}}]": "holds inf",
    "seed: 18446744073709551616": "whole number over",
    "seed: 9000000000000000000": "`seed` is 9000000000000000000: at most",
    "codes: [{kind: prequential, learners: [{kind: estimator, params: [a, 1]}]}]": "`params` is a list",
    "codes: [{kind: prequential, learners: [{kind: estimator, params: {1: 1, b: 2}}]}]": "keys are texts",
    "limit: 'x": "can't be read",
    "\x00": "can't be read",
    "": "must be a mapping",
    "max_steps: 0": "max_steps",
    "\n".join(f"a{i}: &a{i} [{', '.join(9 * [f'*a{i - 1}'])}]" if i else "a0: &a0 x" for i in range(30)): "aliases",
    "\n".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" if i else "a0: &a0 {x: 1}" for i in range(40)): "aliases",
}


@pytest.mark.parametrize("text", CONFIGS, ids=lambda text: text[:40].replace("\x00", "null"))
def test_configs_with_wrong_values_are_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    begin = time.process_time()
    with pytest.raises(MdlError) as error:
        checked(Comparison, read_config(tmp_path / "c.yaml"), "c.yaml").named_codes()
    assert CONFIGS[text] in str(error.value)
    assert "\n" not in str(error.value)
    assert time.process_time() - begin < 2


def test_aliases_that_a_person_writes_are_read(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("codes:\n  - &u {kind: uniform}\n  - {<<: *u, name: again}\n")
    assert [name for name, _ in checked(Comparison, read_config(tmp_path / "c.yaml"), "").codes] == ["uniform", "again"]


@pytest.mark.parametrize("arch", [".x:y", "nets_of_mine:", "nets_of_mine:nothing", "math:gcd"])
def test_factories_that_make_no_net(arch: str) -> None:
    with pytest.raises(MdlError, match=r"can't be (imported|built)"):
        build(arch, (2,), 2)


def test_seeds_that_add_up_to_too_much() -> None:
    task = checked(Comparison, {"seed": 2**62, "codes": [{"kind": "online", "seed": 1}]}, "c.yaml")
    with pytest.raises(MdlError, match="Online: `seed` is 4611686018427387905: at most"):
        task.named_codes()


@pytest.fixture
def stored(data: Data, tmp_path: Path) -> Path:
    compare(data, [Uniform(), BestOf((Uniform(), Frequencies()))], tmp_path / "run")
    return tmp_path / "run"


def change(folder: Path, **values: Any) -> None:
    rows = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps([{**rows[0], **values}, *rows[1:]]))


ROWS: list[dict[str, Any]] = [
    {"total_bits": "many"},
    {"total_bits": float("nan")},
    {"total_bits": 0},
    {"num_labels": 0},
    {"uniform_bits": -1},
    {"bits_by_part": [1]},
    {"bits_by_part": {"x" * 300: 1.0}},
    {"code": 3},
    {"versions": []},
    {"versions": {"mdlcode": 3}},
    {"config": "x"},
    {"proof": {"reported_bits": []}},
    {"notes": 3},
    {"schema_version": "x"},
    {"seconds": None},
]


@pytest.mark.parametrize("values", ROWS, ids=lambda values: str(values)[:40])
def test_stored_results_of_wrong_types(values: dict[str, Any], stored: Path) -> None:
    change(stored, **values)
    with pytest.raises(MdlError) as error:
        read_results(stored)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["{}", "[1]", "null", "[" * 10**5, "x", "[{}]"])
def test_results_that_are_no_list(text: str, stored: Path) -> None:
    (stored / "results.json").write_text(text)
    with pytest.raises(MdlError):
        read_results(stored)


def test_arrays_of_strangers(stored: Path) -> None:
    bits = np.full(12, 1.0)
    for odd in (
        {"bits_by_label": bits.astype(str)},
        {"bits_by_label": bits * np.nan},
        {"bits_by_label": bits[:, None]},
        {"bits_by_label": bits, "block_stops": np.zeros(0)},
        {"bits_by_label": bits, "block_stops": np.array([3.0, 2.0, 12.0])},
        {"bits_by_label": bits, "expert_weights": np.ones(12)},
        {"bits_by_label": bits, "correct_by_label": bits},
        {"bits_by_label": bits, "more": bits.astype(str)},
    ):
        np.savez(stored / "00-uniform.npz", allow_pickle=False, **odd)
        with pytest.raises(MdlError, match=r"00-uniform\.npz"):
            read_results(stored)


def test_names_of_strangers_in_figures_and_documents(stored: Path, tmp_path: Path) -> None:
    name = "_$\\frac$ <script>alert(1)</script> \x1b[31m |`"
    (stored / "00-uniform.npz").rename(stored / "00--frac-script-alert-1-script-31m-.npz")
    change(stored, code=name, command="</pre><script>")
    document = read_document(stored)
    assert "<script>" not in document.text(".html")
    assert "\x1b" not in document.text(".md")
    assert document.pictures[0].png.startswith(b"\x89PNG")
    change(stored, code=name, config={"learners": [{}]})
    with pytest.raises(MdlError, match="no experts"):
        draw("weights", read_results(stored))


def test_cells_are_text_in_every_form() -> None:
    cells = ("=HYPERLINK(1)", "@x", "-1+x", "-5.0", "+1", "-", "a|b\nc", "\\input{x}", "x^~_")
    table = Table("caption | {x}", ("code", "bits"), tuple((cell, "1") for cell in cells))
    read = [line.split(",")[0].strip('"') for line in table.csv().splitlines()[1:] if line.endswith(",1")]
    assert [each for each in read if each.startswith("'")] == ["'=HYPERLINK(1)", "'@x", "'-1+x"]
    assert {"-5.0", "+1", "-"} <= set(read)
    assert all(line.count("|") - line.count("\\|") == 3 for line in table.markdown().splitlines()[2:])
    assert r"\textbackslash{}input\{x\} & 1 \\" in table.latex()
    assert r"x\textasciicircum{}\textasciitilde{}\_" in table.latex()


@pytest.mark.parametrize(
    "figure", ["../secret.txt", "/etc/hostname", "link.png", "eps.png", "none.png", "x\x00.png", "."]
)
def test_a_reproduction_shows_its_own_figures_alone(figure: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    Reproduction(folder, "li", "smoke")
    assert (folder / MARKER).is_file()
    png = b"\x89PNG\r\n\x1a\n"
    (tmp_path / "secret.txt").write_bytes(png + b"secret")
    (folder / "link.png").symlink_to("../secret.txt")
    (folder / "eps.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n")
    (folder / "own.png").write_bytes(png)
    (folder / "fig1.json").write_text(json.dumps({"figure": "own.png", "caption": "mine"}))
    assert len(read_document(folder).pictures) == 1
    (folder / "fig1.json").write_text(json.dumps({"figure": figure, "caption": "theirs"}))
    with pytest.raises(MdlError, match="figure"):
        read_document(folder)


@pytest.mark.parametrize("table", [3, ["c"], ["c", ["a", "b"], [["1"]]], ["c", ["a"], [[1.0]]], {"a": 1}], ids=str)
def test_tables_of_strangers(table: Any, tmp_path: Path) -> None:
    Reproduction(tmp_path / "out", "li", "smoke")
    (tmp_path / "out" / "table1.json").write_text(json.dumps({"table": table}))
    with pytest.raises(MdlError, match=r"a table in .* is damaged"):
        read_document(tmp_path / "out")
