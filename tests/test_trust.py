"""What a file of somebody else's may import: public estimators of scikit-learn, and what is trusted by name."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import mdlcode
from mdlcode.certify.hypothesis import from_message, from_net_file
from mdlcode.cli.app import app
from mdlcode.codes import Prequential, TwoPart, Uniform, decode
from mdlcode.coding.message import opened, seal
from mdlcode.config import to_config
from mdlcode.data import Data, from_arrays
from mdlcode.errors import MdlError
from mdlcode.learn import EstimatorLearner, NetLearner, NetPredictor, Steps, UniformLearner
from mdlcode.nets import build
from mdlcode.trust import names
from mdlcode.weights import Float32
from mdlcode.weights.net_file import decode_net, pack_net

MESSAGE, NET = b"MDLCODE1", b"MDLNET01"
HOUSE = Path(mdlcode.__file__).parent
# What imports by a name that is written in the library itself.
OWN_NAMES = {"__init__.py", "engines/__init__.py", "papers/__init__.py", "cli/reproduce.py", "weights/general.py"}


def forged(magic: bytes, file: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with another header, its checksum made anew."""
    fields, words = opened(magic, file, "file")
    change(fields)
    return seal(magic, fields, words)


@pytest.fixture
def data() -> Data:
    return from_arrays(torch.arange(24.0).reshape(12, 2), [0, 1] * 6)


@pytest.fixture
def net_file(data: Data) -> bytes:
    net = NetPredictor(build("linear", (2,), 2), data.shared, bf16=False)
    return pack_net(net, "linear", (2,), 2, Float32())


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there once the module `trap`, or its function `spring`, has run."""
    mark = tmp_path / "sprung"
    lines = f"from pathlib import Path\nPath({str(mark)!r}).touch()\ndef spring(*_, **__):\n    pass\n"
    (tmp_path / "trap.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return mark


def test_a_net_file_runs_no_command(net_file: bytes, data: Data, tmp_path: Path) -> None:
    mark = tmp_path / "touched"
    evil = {"arch": "subprocess:call", "input_shape": ["touch", str(mark)]}
    file = forged(NET, net_file, lambda fields: fields.update(evil))
    for read in (decode_net, lambda each: from_net_file(each, data.shared)):
        with pytest.raises(MdlError, match="the net asks to import 'subprocess:call': if you trust it"):
            read(file)
    assert not mark.exists()


NET_HEADERS: list[dict[str, Any]] = [
    {"arch": "trap:spring"},
    {"weights": {"kind": "trap:spring"}},
    {"weights": {"kind": "quantised", "values": {"kind": "trap:spring"}}},
    {"augment": {"kind": "trap:spring"}},
    {"arch": ["trap:spring"]},
]


@pytest.mark.parametrize("header", NET_HEADERS, ids=str)
def test_a_net_file_imports_nothing(header: dict[str, Any], net_file: bytes, data: Data, trap: Path) -> None:
    file = forged(NET, net_file, lambda fields: fields.update(header))
    (trap.parent / "net.mdl").write_bytes(file)
    (trap.parent / "few.npz").write_bytes(b"is not reached")
    with pytest.raises(MdlError, match="asks to import 'trap:spring'"):
        decode_net(file)
    with pytest.raises(MdlError, match="asks to import 'trap:spring'"):
        from_net_file(file, data.shared)
    for command in (["show", "net.mdl"], ["bound", "few.npz", "net.mdl"]):
        with pytest.raises(MdlError, match="asks to import 'trap:spring'"):
            app([*command, "--threads", "1"], standalone_mode=False)
    assert not trap.exists()


TRAPS: list[dict[str, Any]] = [
    {"kind": "trap:spring"},
    {"kind": "best-of", "codes": [{"kind": "uniform"}, {"kind": "trap:spring"}]},
    {"kind": "prequential", "learners": [{"kind": "trap:spring"}]},
    {"kind": "prequential", "learners": [{"kind": "net", "arch": "trap:spring"}]},
    {"kind": "prequential", "learners": [{"kind": "ensemble", "member": {"kind": "net", "arch": "trap:spring"}}]},
    {"kind": "prequential", "learners": [{"kind": "estimator", "estimator": "trap:spring"}]},
    {"kind": "prequential", "learners": [{"kind": "estimator", "estimator": "trap:"}]},
    {"kind": "prequential", "learners": [{"kind": "estimator", "params": [["metric", "trap:spring"]]}]},
    {"kind": "two-part", "weights": {"kind": "trap:spring"}},
    {"kind": "two-part", "learner": {"kind": "rate-aware", "start": {"kind": "net", "arch": "trap:spring"}}},
    {"kind": "subspace", "learners": [{"kind": "subspace", "projection": {"kind": "trap:spring"}}]},
    {"kind": "variational", "learner": {"kind": "bayes", "prior": {"kind": "trap:spring"}}},
    {"kind": "online", "arch": "trap:spring"},
]


@pytest.mark.parametrize("config", TRAPS, ids=str)
def test_a_message_imports_nothing(config: dict[str, Any], data: Data, trap: Path) -> None:
    message = forged(MESSAGE, Uniform().encode(data), lambda fields: fields.update(code=config))
    (trap.parent / "message").write_bytes(message)
    for read in (decode, from_message):
        with pytest.raises(MdlError, match="the message asks to import 'trap:"):
            read(data.shared, message) if read is decode else read(message, data.shared)  # type: ignore[arg-type]
    for command in (["decode", "digits", "message", "-o", "labels.npy"], ["bound", "digits", "message"]):
        with pytest.raises(MdlError, match="asks to import 'trap:"):
            app([*command, "--threads", "1"], standalone_mode=False)
    assert not trap.exists()


def test_a_module_without_a_name_is_not_imported(data: Data, trap: Path) -> None:
    config = to_config(Prequential((EstimatorLearner("trap"),)))
    message = forged(MESSAGE, Uniform().encode(data), lambda fields: fields.update(code=config))
    with pytest.raises(MdlError, match="its form must be"):
        decode(data.shared, message)
    assert not trap.exists()


@pytest.mark.parametrize("code", [3, None, "uniform", ["uniform"], {}, {"kind": "uniform", "": 1}], ids=str)
def test_a_header_that_names_no_code(code: object, data: Data) -> None:
    message = forged(MESSAGE, Uniform().encode(data), lambda fields: fields.update(code=code))
    with pytest.raises(MdlError) as error:
        decode(data.shared, message)
    assert "\n" not in str(error.value)


def test_what_is_trusted_is_imported(data: Data) -> None:
    net = NetLearner(arch="nets_of_mine:tiny", training=Steps(max_steps=3, min_steps=3))
    message = TwoPart(net).encode(data)
    with pytest.raises(MdlError, match="'nets_of_mine:tiny'"):
        decode(data.shared, message, trusted=("nets_of_mine:bare",))
    assert (decode(data.shared, message, trusted=("nets_of_mine:tiny",)) == data.labels).all()
    assert from_message(message, data.shared, trusted=("nets_of_mine:tiny",)).bits_by_part


@pytest.mark.parametrize(
    "estimator", ["sklearn.svm:SVC", "sklearn.ensemble:RandomForestClassifier", "sklearn.svm:LinearSVC"]
)
def test_public_estimators_need_no_trust(estimator: str) -> None:
    assert not names({"estimator": estimator})


@pytest.mark.parametrize(
    "estimator",
    [
        "sklearn.svm._classes:SVC",
        "sklearn.svm:_classes",
        "sklearn.datasets:fetch_openml",
        "sklearn.clone:clone",
        "sklearn.utils.estimator_checks:check_estimator",
        "sklearn.tests.test_common:test_estimators",
        "sklearn.conftest:pytest",
        "sklearn:clone",
        "sklearn.:SVC",
        "sklearn.svm:SVC.fit",
        "sklearn.svm:",
        "sklearnx.svm:SVC",
    ],
)
def test_the_rest_of_scikit_learn_does(estimator: str) -> None:
    assert names({"estimator": estimator}) == {estimator}


@pytest.mark.parametrize("key", ["arch", "kind", "weights", "params"])
def test_an_estimator_is_free_where_an_estimator_stands(key: str) -> None:
    assert names({key: "sklearn.svm:SVC"}) == {"sklearn.svm:SVC"}


def test_a_message_with_an_estimator_decodes_without_trust(data: Data) -> None:
    code = Prequential((EstimatorLearner("sklearn.naive_bayes:GaussianNB"), UniformLearner()))
    assert (decode(data.shared, code.encode(data)) == data.labels).all()


def test_names_are_imported_in_one_place_alone() -> None:
    """Whatever else imports by name has its names from the library itself."""
    found = set()
    for path in HOUSE.rglob("*.py"):
        called = {each.func for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.Call)}
        said = {ast.unparse(each).rpartition(".")[2] for each in called}
        if said & {"import_module", "__import__", "exec"}:
            found.add(path.relative_to(HOUSE).as_posix())
    assert found == OWN_NAMES | {"trust.py"}
