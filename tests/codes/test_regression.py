"""Codes of real-valued targets: the laws, the closed forms, and what each precision costs."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp
from scipy.stats import multivariate_t
from sklearn.neighbors import KNeighborsRegressor

import mdlcode
from mdlcode.bayes import BayesLearner
from mdlcode.codes import (
    BestOf,
    Code,
    Compressed,
    Frequencies,
    Identity,
    Linear,
    Listed,
    Online,
    Prequential,
    Subspace,
    Temperature,
    TwoPart,
    Uniform,
    Variational,
)
from mdlcode.codes.base import parse_code
from mdlcode.codes.presets import PRESETS, REAL_PRESETS, preset, suited
from mdlcode.coding.message import unpack
from mdlcode.config import to_config
from mdlcode.data import Bins, Data, View, from_arrays, load
from mdlcode.errors import MdlError
from mdlcode.experiments.shown import results_table
from mdlcode.experiments.stored import read_results
from mdlcode.learn import (
    CheckpointedLearner,
    Crop,
    EnsembleLearner,
    EstimatorLearner,
    FixMatch,
    FrequencyLearner,
    Laplace,
    LinearLearner,
    NetLearner,
    Normal,
    Prediction,
    QuantileLearner,
    RateAware,
    RegressorLearner,
    Regularisation,
    Steps,
    StudentT,
    SubspaceLearner,
    UniformLearner,
)
from mdlcode.learn.families import to_units
from mdlcode.learn.features import standardised
from mdlcode.learn.linear import SIGNALS
from mdlcode.learn.marginal import Marginal
from mdlcode.proof.bob import Bob
from mdlcode.proof.checks import check_code
from mdlcode.proof.labellings import random_labels
from mdlcode.proof.proof import within_tolerance
from mdlcode.typing import FloatArray

TWELVE = Steps(min_steps=12, max_steps=12, batch_size=32)
NET = NetLearner(arch="mlp-small", training=TWELVE)
ONCE = Listed((40,))
KNN = "sklearn.neighbors:KNeighborsRegressor"

CODES: dict[str, Code] = {
    "uniform": Uniform(),
    "frequencies": Frequencies(),
    "linear": Linear(),
    "net": Prequential((NET,), schedule=ONCE),
    "laplace": Prequential((replace(NET, prediction=Prediction(family=Laplace())),), schedule=ONCE),
    "student-t": Prequential((replace(NET, prediction=Prediction(family=StudentT())),), schedule=ONCE),
    "ensemble": Prequential((EnsembleLearner(NET, size=2),), schedule=ONCE),
    "switch": Prequential(
        (
            CheckpointedLearner(NET),
            LinearLearner(),
            RegressorLearner(KNN, family=StudentT(df=3.0)),
            QuantileLearner(cells=4),
            UniformLearner(),
            FrequencyLearner(),
        ),
        schedule=ONCE,
        calibration=Temperature(temperatures=(0.5, 1.0, 4.0), uniform_shares=(0.0, 0.1)),
    ),
    "online": Online(arch="mlp-small", calibration=Temperature(temperatures=(1.0, 3.0), uniform_shares=(0.0,))),
    "float32": TwoPart(NET),
    "compressed": Compressed(RateAware(NET, training=replace(TWELVE, epochs=1, warmup=0.05)), bit_prices=(1.0,)),
    "subspace": Subspace(SubspaceLearner(arch="mlp-small", training=TWELVE, dimension=9)),
    "variational": Variational(BayesLearner(training=replace(TWELVE, warmup=0.05))),
    "best-of": BestOf((Uniform(), Linear())),
}


def made(count: int = 64, precision: float = 0.1, noise: float = 1.0) -> Data:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(count, 3)).astype("float32")
    y = np.clip(10 + x @ [3.0, -2.0, 0.0] + noise * rng.standard_normal(count), -4.9, 24.9)
    return from_arrays(x, y, bins=Bins(-5, 25, precision))


@pytest.fixture(scope="module")
def data() -> Data:
    return made()


@pytest.fixture(scope="module")
def real_bob(data: Data) -> Iterator[Bob]:
    with Bob(data.shared) as process:
        yield process


@pytest.mark.parametrize("name", ["linear", "net"])
def test_codes_of_real_numbers_keep_the_laws(name: str, data: Data, real_bob: Bob) -> None:
    check_code(CODES[name], data, bob=real_bob)


@pytest.mark.parametrize("name", CODES)
def test_labels_decode_from_a_message_as_long_as_reported(name: str, data: Data) -> None:
    """True ones, and random ones, of which no code saves 30 bits (false alarm: 1e-9)."""
    code = CODES[name]
    for labels in (data.labels, random_labels(data.shared, seed=0)):
        message, sent = code.transmitted(replace(data, labels=labels))
        assert np.array_equal(code.decode(data.shared, message), labels)
        spare = 32 * len(sent.spare)
        assert within_tolerance(32 * len(unpack(message)[1]) - spare, sent.codelength.total_bits)
    assert sent.codelength.saved_bits < 30
    assert parse_code(to_config(code)) == code


@pytest.mark.parametrize("name", ["uniform", "frequencies", "linear", "net", "float32"])
def test_half_the_precision_adds_a_bit_a_label(name: str) -> None:
    coarse, fine = (CODES[name].codelength(made(precision=each)).total_bits for each in (0.02, 0.01))
    assert fine - coarse == pytest.approx(64, abs=1.5)


def marginal_likelihood_bits(features: FloatArray, targets: FloatArray, signal: float) -> float:
    """-log2 of the targets' joint density, which is a multivariate t: the prior of all weights integrated out."""
    count, width = features.shape
    extended = np.column_stack([features * math.sqrt(signal / width), np.full(count, 10.0)])
    shape = 0.25 * (np.eye(count) + extended @ extended.T)  # b / a = (1/8) / (1/2)
    return float(-multivariate_t(shape=shape, df=1).logpdf(targets) / math.log(2))


@pytest.mark.parametrize("signals", [(1.0,), (100.0,), SIGNALS])
def test_the_linear_code_is_the_marginal_likelihood_as_bins_get_narrow(signals: tuple[float, ...]) -> None:
    """Plus n log2 of how many bins there are to a unit; mixed over the sizes of the weights."""
    data = made(count=40, precision=0.0001)
    features, units = standardised(data.shared.inputs, data.shared), to_units(data.labels, data.shared.num_classes)
    each = [-marginal_likelihood_bits(features, units, signal) for signal in signals]
    evidence_bits = math.log2(len(signals)) - logsumexp(np.array(each) * math.log(2)) / math.log(2)
    closed = evidence_bits + 40 * math.log2(data.shared.num_classes / 4)
    # The uniform distribution's share and the coder's parts of 2^24 are what is left.
    assert Linear(signals=signals).codelength(data).total_bits == pytest.approx(closed, abs=0.02)


def test_a_learner_of_all_labels_is_what_the_code_has_learned(data: Data) -> None:
    """Solved at once or label by label, it is one posterior."""
    learned = LinearLearner().fit(data.shared, data.labels).model(data.shared.inputs)
    received = Linear().measure(data).received
    assert received.predictor is not None
    sequential = received.predictor.model(data.shared.inputs)
    assert learned.rows() == pytest.approx(sequential.rows(), rel=1e-3, abs=1e-7)  # type: ignore[attr-defined]


def test_the_marginal_is_as_short_as_the_best_histogram_and_student() -> None:
    """Up to log2 of their number; a histogram's length is the Dirichlet(1/2) evidence and its cells' size."""
    labels = np.random.default_rng(3).choice([100, 101, 102, 900], size=150)
    marginal, bits, count = Marginal(1024), 0.0, len(labels)
    for label in labels:
        bits += float(-np.log2(marginal.model().masses(np.array([label]))[0]))
        marginal.learn(int(label))
    lengths = []
    for cells in 2 ** np.arange(9):
        counts = np.bincount(labels * cells // 1024, minlength=cells)
        nats = gammaln(count + cells / 2) - gammaln(cells / 2) - (gammaln(counts + 0.5) - gammaln(0.5)).sum()
        lengths.append(nats / math.log(2) + count * math.log2(1024 / cells))
    assert min(lengths) < bits + 1e-6 < min(lengths) + math.log2(10) + 0.01


def test_outliers_cost_what_is_said_and_no_more() -> None:
    data = made(noise=0.1)
    labels = data.labels.copy()
    labels[-1] = 0 if labels[-1] > 150 else data.shared.num_classes - 1
    odd = replace(data, labels=labels)
    longest = 16 + math.log2(data.shared.num_classes) + 1
    regressor, net = RegressorLearner(), NetLearner(arch="mlp", training=Steps(min_steps=100))
    bits = Prequential((regressor,)).codelength(odd).bits_by_label
    assert 22 < bits.max() == bits[-1] <= longest
    assert 20 < Prequential((net,)).codelength(odd).bits_by_label.max() <= longest


def test_inputs_that_tell_are_seen_and_noise_is_not() -> None:
    told, noise = made(count=150), made(count=150)
    noise = replace(noise, labels=np.random.default_rng(0).permutation(noise.labels))
    for name in ("linear", "switch"):
        code = preset(name, real=True)
        assert code.codelength(told).total_bits < Frequencies().codelength(told).total_bits - 150
        assert code.codelength(noise).total_bits > Frequencies().codelength(noise).total_bits - 30


def test_regressors_that_know_by_heart_are_not_sure(data: Data) -> None:
    """One neighbour misses nothing that it has seen: the width is that of labels which it had not."""
    learner = RegressorLearner(KNN, {"n_neighbors": 1})
    received = Prequential((learner,)).measure(data)
    assert received.codelength.bits_by_label[16:].max() < 20 < 16 + math.log2(data.shared.num_classes)
    note = "the targets' marginal stands in for KNeighborsRegressor where labels are too few (up to 8 labels)"
    assert received.received.notes == (note,)
    assert RegressorLearner(KNeighborsRegressor(1)) == learner


def test_regressors_tell_their_own_spread(data: Data) -> None:
    told = RegressorLearner("sklearn.gaussian_process:GaussianProcessRegressor", {"alpha": 0.01})
    model = told.fit(data.shared, data.labels[:60]).model(data.shared.inputs)
    assert np.ptp(model.scale[60:]) > 0.1 * model.scale.min()  # type: ignore[attr-defined]


def test_families_fit_scales_and_degrees_of_freedom() -> None:
    rng = np.random.default_rng(0)
    for family, drawn in (
        (Normal(), rng.normal(size=4000)),
        (Laplace(), rng.laplace(size=4000)),
        (StudentT(df=3.0), rng.standard_t(3, size=4000)),
    ):
        assert family.fitted(2.5 * drawn)[0] == pytest.approx(2.5, rel=0.05)
    assert StudentT().fitted(rng.standard_t(2, size=4000))[1] == 2.0
    assert StudentT().fitted(rng.normal(size=4000))[1] == 30.0


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (Prequential((EstimatorLearner(),)), "put it into a QuantileLearner"),
        (Prequential((replace(NET, regularisation=Regularisation(unlabelled=FixMatch())),)), "FixMatch is for classes"),
        (Prequential((replace(NET, regularisation=Regularisation(label_smoothing=0.1)),)), "label smoothing is for"),
        (Prequential((RegressorLearner("sklearn.svm:SVC"),)), "no class of scikit-learn regressors"),
        (Prequential((RegressorLearner(KNN, {"odd": 1}),)), "can't be made"),
    ],
)
def test_what_is_for_classes_is_refused(code: Code, said: str, data: Data) -> None:
    with pytest.raises(MdlError, match=said):
        code.codelength(data)


def test_what_is_for_real_numbers_is_refused_for_classes(digits: Data) -> None:
    for code in (
        Linear(),
        *(Prequential((each,)) for each in (LinearLearner(), RegressorLearner(), QuantileLearner())),
    ):
        with pytest.raises(MdlError, match="these labels are classes: state their precision and range"):
            code.codelength(digits)


def test_views_of_images_are_averaged() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(60, 8, 8), dtype=np.uint8)
    data = from_arrays(images, images.mean(axis=(1, 2)), bins=Bins(0, 255, 0.5))
    prediction = Prediction(views=mdlcode.learn.Views(Crop(pad=1), count=2))
    code = Prequential((NetLearner(arch="mlp-small", training=TWELVE, prediction=prediction),), schedule=ONCE)
    assert np.array_equal(code.decode(data.shared, code.encode(data)), data.labels)


@pytest.mark.filterwarnings("ignore:expert 0 gave NaN")
def test_an_expert_that_breaks_is_dropped(data: Data) -> None:
    broken = NetLearner(arch="linear", training=TWELVE, optimizer=mdlcode.learn.Sgd(lr=1e9))
    for calibration in (Identity(), Temperature()):
        code = Prequential((broken, UniformLearner()), schedule=ONCE, calibration=calibration)
        message, sent = code.transmitted(data)
        assert sent.received.traces["expert_weights"][-1, 0] == 0.0
        assert np.array_equal(code.decode(data.shared, message), data.labels)


def test_presets_suit_real_numbers() -> None:
    assert preset("prequential", real=True) == REAL_PRESETS["prequential"] != PRESETS["prequential"]
    assert preset("linear") == preset("linear", real=True) == Linear()
    assert preset("uniform", real=True) == Uniform()
    mine = Prequential((LinearLearner(),))
    assert suited([("prequential", mine)], real=True) == [("prequential", mine)]
    assert suited([("switch", PRESETS["switch"])], real=True) == [("switch", REAL_PRESETS["switch"])]


def test_results_say_range_precision_and_error(tmp_path, data: Data) -> None:  # type: ignore[no-untyped-def]
    tested = replace(data, test_inputs=data.shared.inputs[:20], test_labels=data.labels[:20])
    frequencies, linear, sent = mdlcode.compare(tested, ["frequencies", "linear", CODES["float32"]], tmp_path)
    assert (linear.precision, linear.target_range) == (0.1, (-5, 25))
    assert linear.test_accuracy is None
    assert linear.test_rmse is not None
    assert linear.test_rmse < frequencies.test_rmse / 2  # type: ignore[operator]
    assert 0.5 < linear.test_rmse < 1.5
    assert frequencies.saved_bits_against_frequencies == 0.0
    assert linear.saved_bits_against_frequencies == pytest.approx(frequencies.total_bits - linear.total_bits)
    assert sent.bound is None
    assert sent.notes == (
        "no bound on the test error: a bound is for classes, and the targets of arrays are real numbers",
    )
    stored = read_results(tmp_path)[1].result
    assert (stored.precision, stored.test_rmse) == (linear.precision, linear.test_rmse)
    shown = results_table([stored])
    assert shown.header[6] == "test RMSE"
    assert shown.rows[0][6] == f"{linear.test_rmse:.4g}"
    assert "64 labels, targets from -5 to 25 at precision 0.1 (301 bins)" in shown.caption


def test_diabetes_is_told_better_by_its_inputs() -> None:
    """Numbers of the documentation."""
    data = load("diabetes", View(limit=200))
    lengths = {
        name: preset(name, real=True).codelength(data).total_bits for name in ("uniform", "frequencies", "linear")
    }
    assert lengths["uniform"] == pytest.approx(200 * math.log2(322), abs=0.1)
    assert lengths["linear"] < lengths["frequencies"] - 30 < lengths["uniform"] - 30
