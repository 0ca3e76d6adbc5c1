"""Functions of nets and estimators given as objects: named where they have a name, else kept as they are."""

import math
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import nets_of_mine
import numpy as np
import pytest
import torch
import torchvision
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from torch import nn

from mdlcode import compare, decode, from_arrays, from_config, to_config
from mdlcode.codes import BestOf, Code, Prequential, TwoPart, Uniform
from mdlcode.data import Data, Shared
from mdlcode.errors import MdlError, TrainingError
from mdlcode.learn import EstimatorLearner, FrequencyLearner, Learner, NetLearner, Steps
from mdlcode.nets import build
from mdlcode.proof.bob import Bob
from mdlcode.proof.prove import transmit_and_prove

SHORT = Steps(min_steps=3, max_steps=3)


def few(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nets_of_mine.tiny(input_shape, num_classes)


few.__module__ = "__main__"  # as a script's or a notebook's
NAMES = ["function", "lambda", "partial"]


def code_of(learner: Learner) -> Prequential:
    return Prequential((learner,))


# Nets


def test_a_function_with_a_name_becomes_that_name(digits: Data) -> None:
    code = code_of(NetLearner(arch=nets_of_mine.tiny, training=SHORT))
    assert code == code_of(NetLearner(arch="nets_of_mine:tiny", training=SHORT))
    assert from_config(to_config(code), Code, "code") == code
    with pytest.raises(MdlError, match="asks to import 'nets_of_mine:tiny'"):
        decode(digits.shared, code.encode(digits))


@pytest.mark.parametrize("arch", [few, lambda shape, classes: few(shape, classes), partial(few)], ids=NAMES)
def test_a_function_without_a_name_is_measured_and_decoded_by_the_code_that_has_it(arch: Any, digits: Data) -> None:
    code = code_of(NetLearner(arch=arch, training=SHORT))
    named = code_of(NetLearner(arch=nets_of_mine.tiny, training=SHORT))
    assert code.codelength(digits).total_bits == named.codelength(digits).total_bits
    assert hash(code) == hash(code_of(NetLearner(arch=arch, training=SHORT)))
    message = code.encode(digits)
    assert np.array_equal(code.decode(digits.shared, message), digits.labels)
    with pytest.raises(MdlError, match="was given as an object, which no file holds: decode with the code that has it"):
        decode(digits.shared, message)


def test_a_function_of_a_script_is_not_for_bob_and_one_that_pickles_is(digits: Data, bob: Bob) -> None:
    with pytest.raises(MdlError, match="the code can't be sent to another process"):
        transmit_and_prove(bob, TwoPart(NetLearner(arch=partial(few), training=SHORT)), digits)
    code = code_of(NetLearner(arch=partial(nets_of_mine.tiny), training=SHORT))
    assert transmit_and_prove(bob, code, digits)[2].proved


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        (3, "`arch` is 3: the name of a net is needed, or a function"),
        (None, "`arch` is None"),
        (nn.Linear(3, 2), "a Linear that is built already: give the function that builds it"),
        (lambda shape: nn.Linear(3, 2), r"can't be called as \(input_shape, num_classes\): too many positional"),
        (torchvision.models.resnet18, "write a function of these two that calls it"),
        ("torchvision.models:resnet18", "write a function of these two that calls it"),
        (lambda shape, classes: 3, "it gives a int, no torch module"),
        (lambda shape, classes: nn.Flatten(), r"gives \(2, 64\) for 2 inputs"),
    ],
)
def test_what_is_no_function_of_a_net_is_one_line(arch: Any, message: str) -> None:
    with pytest.raises(MdlError, match=message) as caught:
        build(NetLearner(arch=arch).arch, (1, 8, 8), 10)
    assert "\n" not in str(caught.value)


def test_modules_of_the_current_folder_are_found_by_all_processes(tmp_path: Path) -> None:
    """As the installed command has it: with -P Python itself does not look into the current folder."""
    (tmp_path / "mynets.py").write_text(
        "import math\nfrom torch import nn\ndef tiny(shape, classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), classes))\n"
    )
    arguments = ["verify", "digits", "--code", "prequential", "--limit", "12", "--arch", "mynets:tiny"]
    command = [sys.executable, "-P", "-m", "mdlcode", *arguments, "--workers", "2", "--threads", "1"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "labels identical: proved" in ran.stdout


# Estimators


PLAIN = [
    make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
    CalibratedClassifierCV(SVC(C=2.0), cv=3),
    KNeighborsClassifier(15),
    VotingClassifier([("bayes", GaussianNB()), ("forest", RandomForestClassifier(3))], voting="soft"),
]


@pytest.mark.parametrize("estimator", PLAIN, ids=lambda each: type(each).__name__)
def test_an_estimator_becomes_its_class_and_parameters(estimator: Any, digits: Data) -> None:
    learner = EstimatorLearner(estimator)
    code = code_of(learner)
    assert ":" in learner.estimator
    assert from_config(to_config(code), Code, "code") == code
    again = learner._new(np.arange(10))
    assert str(
        again.set_params(**dict.fromkeys((each for each in again.get_params() if "random" in each), None))
    ) == str(estimator)
    message = code.encode(digits)
    assert np.array_equal(decode(digits.shared, message), digits.labels)  # public classes of scikit-learn all through


def test_parameters_may_be_written_as_nested_configs() -> None:
    written = {"estimator": {"estimator": "sklearn.svm:SVC", "params": {"C": 2.0}}, "cv": 3}
    assert EstimatorLearner("sklearn.calibration:CalibratedClassifierCV", written) == EstimatorLearner(PLAIN[1])


def test_an_estimator_of_odd_parameters_is_kept_as_it_is(digits: Data, bob: Bob) -> None:
    estimator = make_pipeline(FunctionTransformer(np.abs), LogisticRegression(class_weight={0: 2.0, 9: 1.0}))
    code = code_of(EstimatorLearner(estimator))
    same = code_of(EstimatorLearner(estimator))
    assert (code, hash(code)) == (same, hash(same))
    message = code.encode(digits)
    assert np.array_equal(code.decode(digits.shared, message), digits.labels)
    assert transmit_and_prove(bob, code, digits)[2].proved
    with pytest.raises(MdlError, match=r"the estimator 'Pipeline of sklearn\.pipeline' was given as an object"):
        decode(digits.shared, message)


def test_weights_of_classes_go_with_the_labels_not_their_places() -> None:
    learner = EstimatorLearner(LogisticRegression(class_weight={2: 1000.0, 5: 1.0, 7: 3.0}))
    shared = Shared(torch.zeros(6, 1), num_classes=8)
    probs = learner.fit(shared, np.array([2, 5, 5, 5, 5, 5])).predict(shared.inputs[:1])[0]
    assert probs[2] > 100 * probs[5]


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (3, "`estimator` is 3: package.module:Class is needed, or an estimator"),
        (print, "package.module:Class is needed"),
        (LinearSVC(), "no class of scikit-learn estimators with predict_proba: wrap it in .* CalibratedClassifierCV"),
        (SVC(), "gives no probabilities with these parameters: wrap it in .* CalibratedClassifierCV"),
        (SVC(C=-1.0, probability=True), "SVC can't learn from these 8 labels: The 'C' parameter of SVC must be"),
        (MultinomialNB(), "MultinomialNB can't learn from these 8 labels: Negative values"),
        (MultiOutputClassifier(GaussianNB()), "MultiOutputClassifier can't learn"),
        (Pipeline([("bayes", GaussianNB())], memory="here"), "keeps a cache on disk"),
        (make_pipeline(FunctionTransformer(lambda x: x), GaussianNB()), "put into a module what it holds"),
    ],
    ids=range(9),
)
def test_estimators_that_cannot_learn_are_one_line(estimator: Any, message: str, digits: Data) -> None:
    with pytest.raises(MdlError, match=message) as caught:
        code_of(EstimatorLearner(estimator)).codelength(digits)
    assert "\n" not in str(caught.value)


def test_parameters_that_no_config_holds_are_one_line() -> None:
    for params, message in (
        ({"kernel": len}, "parameter 'kernel' of an estimator is a builtin"),
        (3, "`params` is 3: a mapping"),
        ([("C", 1, 2)], "`params` is a list: a mapping"),
    ):
        with pytest.raises(MdlError, match=message):
            EstimatorLearner("sklearn.svm:SVC", params)  # type: ignore[arg-type]
    with pytest.raises(MdlError, match="set those of an object on the object"):
        EstimatorLearner(SVC(), {"C": 2})


# Too few labels


@pytest.mark.parametrize(
    ("estimator", "up_to"),
    [(KNeighborsClassifier(15), 8), (CalibratedClassifierCV(GaussianNB(), cv=5), 16), (KNeighborsClassifier(70), 64)],
    ids=str,
)
def test_class_frequencies_stand_in_where_labels_are_too_few(estimator: Any, up_to: int) -> None:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(100, 3))
    labels = (inputs[:, 0] > 0).astype(int)
    labels[:16] = [0, 0, 0, 0, 1, 1, 1, 1] * 2  # fewer than 5 of a class among the first 8, 8 of each among 16
    data = from_arrays(inputs, labels, order_seed=None)
    received = code_of(EstimatorLearner(estimator)).measure(data)
    [note] = received.received.notes
    shown = 8 if "Calibrated" in str(estimator) else up_to
    assert note == (
        f"class frequencies stand in for {type(estimator).__name__} where labels are too few (up to {shown} labels)"
    )
    counts = code_of(FrequencyLearner()).codelength(data)
    assert np.allclose(received.codelength.bits_by_label[:16], counts.bits_by_label[:16])
    assert (received.codelength.total_bits < counts.total_bits) == (shown < 64)


def test_a_class_of_too_little_spread_is_too_few_labels_as_well() -> None:
    from sklearn.datasets import load_iris

    [result] = compare(
        from_arrays(*load_iris(return_X_y=True)), code_of(EstimatorLearner(QuadraticDiscriminantAnalysis()))
    )
    assert result.notes[0].startswith("class frequencies stand in for QuadraticDiscriminantAnalysis")
    assert result.saved_bits_against_frequencies is not None
    assert result.saved_bits_against_frequencies > 20


class Half(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns only the classes below half, and says so."""

    def fit(self, inputs: Any, labels: Any) -> "Half":
        self.classes_ = np.arange(math.ceil(labels.max() / 2))
        return self

    def predict_proba(self, inputs: Any) -> Any:
        return np.full((len(inputs), len(self.classes_)), 1 / len(self.classes_))


class Wrong(Half):
    """Gives a column too many."""

    def predict_proba(self, inputs: Any) -> Any:
        return np.full((len(inputs), 11), 1 / 11)


def test_classes_that_an_estimator_leaves_out_get_the_share_of_unseen_ones(digits: Data) -> None:
    probs = EstimatorLearner(Half()).fit(digits.shared, digits.labels).predict(digits.shared.inputs[:3])
    assert probs.sum(axis=1) == pytest.approx(1)
    assert probs[0] == pytest.approx([(120 / 122.5) / 5] * 5 + [0.5 / 122.5] * 5)
    with pytest.raises(TrainingError, match=r"Wrong can't learn|Wrong gives probabilities of shape \(2, 11\)"):
        EstimatorLearner(Wrong()).fit(digits.shared, digits.labels)


# A code that fails


def test_a_code_that_fails_ends_alone(digits: Data) -> None:
    failing = code_of(EstimatorLearner(SVC(C=-1.0, probability=True)))
    with pytest.warns(UserWarning, match="prequential gave no result: SVC can't learn from these 8 labels"):
        results = compare(digits, ["uniform", failing, "frequencies"])
    assert [each.code for each in results] == ["uniform", "frequencies"]
    with pytest.raises(MdlError, match="SVC can't learn"):
        compare(digits, failing)


def test_one_code_needs_no_list(digits: Data) -> None:
    bits = 120 * math.log2(10)
    for codes in ("uniform", Uniform(), ["uniform"]):
        assert [each.total_bits for each in compare(digits, codes)] == [pytest.approx(bits)]
    assert compare(digits, BestOf((Uniform(), Uniform())))[0].code == "best-of"


@pytest.mark.parametrize(("package", "name"), [("xgboost", "XGBClassifier"), ("lightgbm", "LGBMClassifier")])
def test_boosted_trees_of_other_packages(package: str, name: str, digits: Data) -> None:
    found = pytest.importorskip(package, reason=f"{package} is not installed")
    quiet = {"verbose": -1} if package == "lightgbm" else {}
    learner = EstimatorLearner(getattr(found, name)(n_estimators=2, n_jobs=1, **quiet))
    assert learner.estimator == f"{package}:{name}"
    code = code_of(learner)
    trusted = (f"{package}:{name}",)
    assert np.array_equal(decode(digits.shared, code.encode(digits), trusted), digits.labels)
