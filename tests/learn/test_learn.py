import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from mdlcode import progress
from mdlcode.codes.base import parse_code
from mdlcode.data import Data, Shared, View, from_arrays, load
from mdlcode.errors import MdlError
from mdlcode.learn import (
    AdamW,
    Affine,
    CheckpointedLearner,
    Crop,
    EnsembleLearner,
    EstimatorLearner,
    Learner,
    NetLearner,
    Prediction,
    Regularisation,
    Sgd,
    Steps,
    Views,
)
from mdlcode.learn.base import parse_learner
from mdlcode.learn.nets.steps import lr_share
from mdlcode.nets import NETS, build

STEPS = Steps(min_steps=15, max_steps=15)
QUICK = NetLearner(training=STEPS)
WARPED = Affine()
VARIANTS = {
    "adamw": QUICK,
    "sgd": replace(QUICK, optimizer=Sgd(lr=0.02)),
    "bf16": replace(QUICK, prediction=Prediction(precision="bf16")),
    "average": replace(QUICK, prediction=Prediction(ema_decay=0.9)),
    "affine": replace(
        QUICK, regularisation=Regularisation(augment=WARPED), prediction=Prediction(views=Views(WARPED, count=3))
    ),
    "crop": replace(QUICK, regularisation=Regularisation(augment=Crop(flip=True))),
    "checkpoints": CheckpointedLearner(QUICK, (0.2, 0.6)),
    "mlp-dropout": replace(QUICK, arch="mlp-dropout"),
    "ensemble": EnsembleLearner(QUICK, size=2),
    "forest": EstimatorLearner("sklearn.ensemble:RandomForestClassifier", {"n_estimators": 5}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_same_seed_same_bits_and_inputs_untouched(name: str, digits: Data) -> None:
    learner, before = VARIANTS[name], digits.shared.fingerprint()
    torch.manual_seed(1)
    one = learner.fit(digits.shared, digits.labels[:60]).predict(digits.shared.inputs[60:])
    torch.manual_seed(2)  # the caller's generator plays no part, and is left alone
    state = torch.get_rng_state()
    other = learner.fit(digits.shared, digits.labels[:60]).predict(digits.shared.inputs[60:])
    assert np.array_equal(one, other)
    assert torch.equal(state, torch.get_rng_state())
    assert digits.shared.fingerprint() == before
    assert one.shape == (60, 10)
    assert one.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("name", VARIANTS)
def test_only_the_past_is_learned_from(name: str, digits: Data) -> None:
    """A fit reads the labels it is given: what comes after them can't matter."""
    learner = VARIANTS[name]
    noisy = digits.labels.copy()
    noisy[60:] = 0
    one = learner.fit(digits.shared, digits.labels[:60]).predict(digits.shared.inputs[60:64])
    other = learner.fit(digits.shared, noisy[:60]).predict(digits.shared.inputs[60:64])
    assert np.array_equal(one, other)


def test_seed_matters(digits: Data) -> None:
    fits = [NetLearner(training=Steps(min_steps=5), seed=seed).fit(digits.shared, digits.labels) for seed in (0, 1)]
    one, other = (fit.predict(digits.shared.inputs) for fit in fits)
    assert np.abs(one - other).max() > 0.01


def test_net_learns_digits() -> None:
    data = load("digits", View(limit=1000))
    predictor = NetLearner(training=Steps(epochs=5)).fit(data.shared, data.labels[:800])
    assert (predictor.predict(data.shared.inputs[800:]).argmax(1) == data.labels[800:]).mean() > 0.95


def test_prediction_is_in_evaluation_mode(digits: Data) -> None:
    """Batch norm reads no batch: a prediction alone is that in company."""
    predictor = QUICK.fit(digits.shared, digits.labels)
    together = predictor.predict(digits.shared.inputs[:16])
    alone = np.concatenate([predictor.predict(digits.shared.inputs[i : i + 1]) for i in range(16)])
    assert alone == pytest.approx(together, abs=0.02)  # bfloat16 rounds by batch size
    assert all(not module.training for module in predictor.net.modules())


def test_checkpoints_are_experts_along_one_training(digits: Data) -> None:
    path = VARIANTS["checkpoints"].fit_path(digits.shared, digits.labels)
    alone = QUICK.fit(digits.shared, digits.labels)
    assert len(path) == 3
    assert np.array_equal(path[-1].predict(digits.shared.inputs), alone.predict(digits.shared.inputs))
    assert not np.array_equal(path[0].predict(digits.shared.inputs), alone.predict(digits.shared.inputs))


def test_an_ensemble_of_paths_is_a_path_of_ensembles(digits: Data) -> None:
    path = EnsembleLearner(CheckpointedLearner(QUICK, (0.2, 0.6)), size=2).fit_path(digits.shared, digits.labels)
    paths = [replace(QUICK, seed=seed).path(digits.shared, digits.labels, (0.2, 0.6)) for seed in (0, 1)]
    for mean, members in zip(path, zip(*paths, strict=True), strict=True):
        expected = np.mean([each.predict(digits.shared.inputs) for each in members], axis=0)
        assert mean.predict(digits.shared.inputs) == pytest.approx(expected)


def test_a_code_that_sends_one_net_takes_no_checkpoints() -> None:
    for code in ("two-part", "compressed"):
        with pytest.raises(MdlError, match="learner"):
            parse_code({"kind": code, "learner": {"kind": "checkpointed"}})


class Counter:
    """Adds up the steps that are reported."""

    def __init__(self) -> None:
        self.steps = 0

    def advance(self, steps: int) -> None:
        self.steps += steps


@pytest.mark.parametrize("warmup", [None, 0.0, 0.1])
@pytest.mark.parametrize("min_steps", [1, 10, 37])
def test_steps_are_paced_and_reported(warmup: float | None, min_steps: int) -> None:
    training = Steps(epochs=1, min_steps=min_steps, batch_size=16, warmup=warmup, warm_start=0.5)
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": lr} for lr in (1.0, 0.1)])
    order, counter, rates = training.batches(60, 60, torch.Generator().manual_seed(0)), Counter(), []
    with progress.listening(counter):  # type: ignore[arg-type]
        for step, batch in training.paced(optimizer, order):
            assert torch.equal(batch, order[step])
            rates.append([group["lr"] for group in optimizer.param_groups])
    assert len(rates) == counter.steps == training.count(60) == max(min_steps, 4)
    peaks = [1.0 if warmup is None else lr_share(step, len(rates), warmup) for step in range(len(rates))]
    assert rates == [[peak, pytest.approx(0.1 * peak)] for peak in peaks]
    early = round(0.5 * len(rates))
    assert order.shape == (len(rates), 16)
    assert max(order[:early].flatten().tolist(), default=0) < 30  # the first half of the labels
    if len(rates) == 37:
        assert len(order[early:].unique()) == 60


def test_warm_start_begins_with_the_first_half(digits: Data) -> None:
    """With all but the last step on the first half, what the other labels are hardly matters."""
    learner = replace(QUICK, training=replace(STEPS, warm_start=0.999))
    other = np.concatenate([digits.labels[:60], np.zeros(60, dtype=np.int64)])
    fits = [learner.fit(digits.shared, labels).predict(digits.shared.inputs) for labels in (digits.labels, other)]
    alone = QUICK.fit(digits.shared, digits.labels[:60]).predict(digits.shared.inputs)
    assert np.abs(fits[0] - fits[1]).max() < 0.01
    assert (fits[0].argmax(1) == alone.argmax(1)).mean() > 0.5


def test_ensemble_is_the_mean_of_its_members(digits: Data) -> None:
    mean = EnsembleLearner(QUICK, size=2).fit(digits.shared, digits.labels).predict(digits.shared.inputs)
    members = [replace(QUICK, seed=seed).fit(digits.shared, digits.labels) for seed in (0, 1)]
    assert mean == pytest.approx(np.mean([each.predict(digits.shared.inputs) for each in members], axis=0))


def test_estimator_gives_unseen_classes_their_share() -> None:
    data = from_arrays(np.random.default_rng(0).random((20, 2)), [0, 1] * 9 + [3, 4], num_classes=5, order_seed=None)
    probs = EstimatorLearner().fit(data.shared, data.labels[:18]).predict(data.shared.inputs[18:])
    assert probs.sum(axis=1) == pytest.approx(1.0)
    assert probs[:, [2, 3, 4]] == pytest.approx(0.5 / (18 + 1.5))
    one_class = EstimatorLearner().fit(data.shared, np.zeros(3, dtype=np.int64)).predict(data.shared.inputs)
    assert one_class[0] == pytest.approx([3 / 5, 0.1, 0.1, 0.1, 0.1])


def test_augmentations_keep_what_they_should() -> None:
    images = torch.rand(50, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    still = [
        Crop(pad=0).apply(images, torch.Generator()),
        Affine(0, 0, 0, 0).apply(images, torch.Generator()),
    ]
    for each in still:
        assert torch.allclose(each, images, atol=1e-5)
    shifted = Crop(pad=1).apply(images, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(images, [1] * 4)
    for i in range(50):
        corners = [padded[i, :, r : r + 9, c : c + 7] for r in range(3) for c in range(3)]
        assert any(torch.equal(shifted[i], corner) for corner in corners)
    flipped = Crop(pad=0, flip=True).apply(images, torch.Generator().manual_seed(0))
    mirrored = [torch.equal(flipped[i], images[i].flip(2)) for i in range(50)]
    assert 10 < sum(mirrored) < 40
    assert all(torch.equal(flipped[i], images[i]) for i in range(50) if not mirrored[i])
    turned = Affine().apply(images, torch.Generator().manual_seed(0))
    assert turned.shape == images.shape
    assert not torch.allclose(turned, images)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_net_is_compiled_once_and_learns_the_same(digits: Data) -> None:
    from mdlcode.learn.nets.predictor import compiled_forward

    plain = NetLearner(arch="linear", training=Steps(min_steps=10, max_steps=10))
    compiled = replace(plain, compiled=True)
    for past in (100, 110):
        one, other = (
            each.fit(digits.shared, digits.labels[:past]).predict(digits.shared.inputs) for each in (plain, compiled)
        )
        assert one == pytest.approx(other, abs=1e-4)
    assert compiled_forward.cache_info().misses == 1


@pytest.mark.parametrize("arch", NETS)
def test_nets_take_their_inputs(arch: str) -> None:
    for shape in [(1, 28, 28), (3, 32, 32)]:
        net = build(arch, shape, 7).eval()
        with torch.no_grad():
            assert net(torch.zeros(2, *shape)).shape == (2, 7)


def test_users_own_net(digits: Data) -> None:
    predictor = NetLearner(arch="nets_of_mine:tiny", training=Steps(min_steps=5)).fit(digits.shared, digits.labels)
    assert predictor.predict(digits.shared.inputs).shape == (120, 10)


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        ("lenet55", "did you mean 'lenet5'"),
        ("no.module:net", "can't be imported"),
        ("nets_of_mine:missing", "can't be imported"),
        ("nets_of_mine:broken", "can't be built"),
        ("nets_of_mine:short", r"gives \(2, 3\) for 2 inputs"),
        ("whitened", "can't be built for inputs"),
    ],
)
def test_bad_nets_are_one_clear_line(arch: str, message: str) -> None:
    with pytest.raises(MdlError, match=message):
        build(arch, (1, 8, 8), 10)


def test_convolutional_net_on_features_is_refused() -> None:
    with pytest.raises(MdlError, match="needs images"):
        NetLearner(arch="lenet5").fit(Shared(torch.zeros(4, 3), 2), np.array([0, 1, 0, 1]))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "nut"}, "did you mean 'net'"),
        ({"kind": "net", "epoch": 3}, "unknown key 'epoch'"),
        ({"kind": "net", "training": {"batch_size": 0}}, "batch_size"),
        ({"kind": "net", "optimizer": {"kind": "sgd", "lr": -1}}, "lr"),
        (
            {"kind": "estimator", "estimator": "sklearn.svm:LinearSVC"},
            "no class of scikit-learn estimators with predict_proba",
        ),
        ({"kind": "estimator", "estimator": "sklearn.svm:SVM"}, "can't be imported"),
        (
            {"kind": "estimator", "estimator": "os:system", "params": {"command": "false"}},
            "no class of scikit-learn estimators",
        ),
        ({"kind": "net", "prediction": {"views": {"count": 3}}}, "views.augment"),
        ({"kind": "net", "prediction": {"views": {"augment": {"kind": "none"}}}}, "views.augment"),
        ({"kind": "net", "prediction": {"views": {"augment": {"kind": "mirror"}}}}, "one mirror image"),
        ({"kind": "checkpointed", "checkpoints": [1.5]}, "checkpoints.0"),
    ],
)
def test_bad_learners_are_one_clear_line(config: dict[str, object], message: str, digits: Data) -> None:
    def learn() -> None:
        learner: Learner = parse_learner(config)
        learner.fit(digits.shared, digits.labels)

    with pytest.raises(MdlError, match=message):
        learn()


def test_learning_rate_is_part_of_the_config() -> None:
    assert parse_learner({"kind": "net", "optimizer": {"kind": "adamw", "lr": 0.1}}).optimizer == AdamW(lr=0.1)
