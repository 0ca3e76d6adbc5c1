"""Configs and settings of strangers: their limits, and what is refused before it is begun."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mdlcode import limits
from mdlcode.bayes import BayesLearner
from mdlcode.codes import Buffer, Code, Online, Prequential, Streams, Uniform, Variational
from mdlcode.data import Data, from_arrays
from mdlcode.errors import MdlError
from mdlcode.experiments.tasks import Comparison, checked, read_config
from mdlcode.learn import EnsembleLearner, EstimatorLearner, FixMatch, NetLearner, Steps, Views
from mdlcode.nets import build


@pytest.fixture
def data() -> Data:
    return from_arrays(np.arange(24.0).reshape(12, 2), [0, 1] * 6)


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
