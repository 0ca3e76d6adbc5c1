"""The intrinsic dimension: interpolation, interval, search, and the command."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from conftest import Run
from mdlcode.cli.app import app
from mdlcode.config import from_config
from mdlcode.data import Data, View, load
from mdlcode.errors import MdlError
from mdlcode.learn import (
    AdamW,
    Crop,
    FixMatch,
    NetLearner,
    Prediction,
    Real,
    Regularisation,
    Stepped,
    Steps,
    SubspaceLearner,
)
from mdlcode.learn.subspace.net import Coordinates
from mdlcode.learn.subspace.seeds import can_stack, fit_seeds
from mdlcode.measures import DimensionSearch, IntrinsicDimension, Trial
from mdlcode.measures.dimension import crossing
from mdlcode.measures.dimension_search import Bracket, _warn_if_beaten
from mdlcode.plots.dimension import draw_dimensions
from mdlcode.plots.style import drawing

THIRTY = Steps(min_steps=30, max_steps=30)
QUICK = SubspaceLearner(arch="mlp", layers="joint", training=THIRTY, optimizer=AdamW(lr=0.1), coordinates=Real())
SEARCH = DimensionSearch(
    QUICK, NetLearner(arch="mlp", training=Steps(min_steps=60, max_steps=60)), seeds=2, start=50, accuracy_on="train"
)


def curve(d: float) -> float:
    """Accuracy as a known function of d, with d_int90 = 290 of a baseline of 1."""
    return min(1.0, 0.9 + 0.2 * math.log(d / 290))


def measured(noise: float) -> IntrinsicDimension:
    random = np.random.Generator(np.random.PCG64(1))
    trials = [
        Trial(d, seed, curve(d) + noise * random.normal(), 0.0) for d in (100, 200, 400, 800) for seed in range(5)
    ]
    return IntrinsicDimension(tuple(trials), 44_426, (1.0,), "fixed", 0.9)


def test_interpolation_is_exact_where_accuracy_is_linear_in_log_d() -> None:
    found = measured(noise=0.0)
    assert abs(found.dimension - 290) < 1e-6
    assert replace(found, share=0.5).dimension == 100  # reached at the first d already
    assert replace(found, baselines=(2.0,)).dimension == math.inf
    assert replace(found, baselines=(2.0,)).report()["dimension"] is None
    assert replace(found, baselines=(2.0,)).interval()[1] == math.inf


def saturating(d: float, scale: float) -> float:
    return 0.97 * (1 - math.exp(-math.log(10) * (d / scale) ** 0.6))


def searched(scale: float, noise: float, seeds: int, random: np.random.Generator) -> IntrinsicDimension:
    """What a search finds whose trainings reach `saturating` accuracies and noise. Others: benchmarks/."""
    found = IntrinsicDimension((), 44_426, (1.0,), "fixed", 0.9)
    bracket = Bracket(128, 1, 44_426, 1.15)
    for dimensions in bracket:
        trials = [
            Trial(d, seed, saturating(d, scale) + noise * random.normal(), 0.0)
            for d in dimensions
            for seed in range(seeds)
        ]
        found = replace(found, trials=(*found.trials, *trials))
        bracket.told({d: float(np.mean(found.accuracies[d])) >= found.threshold for d in dimensions})
    return found


def bootstrapped(found: IntrinsicDimension, random: np.random.Generator) -> tuple[float, float]:
    """The mutant: accuracies drawn anew from the few there are."""
    drawn = [
        crossing({d: float(random.choice(each, len(each)).mean()) for d, each in found.accuracies.items()}, 0.9)
        for _ in range(100)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975], method="nearest")
    return float(low), float(high)


def test_interval_is_wider_with_more_noise_and_fewer_seeds_and_holds_the_estimate() -> None:
    widths = {}
    for noise, seeds in ((0.002, 5), (0.01, 5), (0.002, 1)):
        found = searched(300, noise, seeds, np.random.default_rng(0))
        low, high = found.interval()
        assert low <= found.dimension <= high < math.inf
        widths[noise, seeds] = high / low
    assert widths[0.01, 5] > widths[0.002, 5] < widths[0.002, 1]


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_interval_covers_a_known_crossing(seeds: int) -> None:
    """0.95 of 200 runs is 190, three deviations below it 180.7; few resampled seeds cover far fewer."""
    random, runs, hits, mutant_hits = np.random.default_rng(seeds), 200, 0, 0
    for index in range(runs):
        scale = math.exp(random.uniform(math.log(150), math.log(600)))
        truth = scale * (-math.log(1 - 0.9 / 0.97) / math.log(10)) ** (1 / 0.6)
        found = searched(scale, 0.004, seeds, random)
        low, high = found.interval()
        hits += low <= truth <= high
        if index < 50 and seeds < 5:
            low, high = bootstrapped(found, random)
            mutant_hits += low <= truth <= high
    assert hits >= 181
    assert mutant_hits <= 44


def test_no_two_trainings_share_a_seed(digits: Data) -> None:
    """Otherwise their noise would be common, and an interval from all of them too narrow."""
    found = replace(SEARCH, baseline=0.3).run(digits)
    seeds = [trial.seed for trial in found.trials]
    assert len(set(seeds)) == len(seeds)


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=8), threshold=st.floats(0, 1))
def test_crossing_lies_within_what_was_tried(values: list[float], threshold: float) -> None:
    table = {10 * 2**index: value for index, value in enumerate(values)}
    found = crossing(table, threshold)
    assert math.isinf(found) or 10 <= found <= max(table) * (1 + 1e-9)
    assert crossing(table, threshold / 2) <= found


@given(truth=st.integers(1, 1000), start=st.integers(1, 2000), precision=st.floats(1.05, 2))
def test_the_bracket_closes_around_the_truth(truth: int, start: int, precision: float) -> None:
    bracket, tried = Bracket(start, 1, 1000, precision), []
    for round_ in bracket:
        tried += round_
        bracket.told({d: d >= truth for d in round_})
    enough, few = min(d for d in tried if d >= truth), max([d for d in tried if d < truth], default=0)
    assert enough <= max(few * precision, few + 1) or enough == 1
    assert len(set(tried)) == len(tried) < 40


def test_the_bracket_ends_where_all_parameters_are_not_enough() -> None:
    bracket = Bracket(20, 1, 100, 1.5)
    rounds = []
    for round_ in bracket:
        rounds.append(round_)
        bracket.told(dict.fromkeys(round_, False))
    assert rounds == [[10, 20, 40, 80], [100]]


def test_the_bracket_ends_where_one_coordinate_for_each_group_is_enough() -> None:
    bracket = Bracket(20, 4, 100, 1.5)
    rounds = []
    for round_ in bracket:
        rounds.append(round_)
        bracket.told(dict.fromkeys(round_, True))
    assert rounds == [[10, 20, 40, 80], [4, 5]]


def test_search_finds_the_same_again_and_names_its_baseline(digits: Data) -> None:
    told: list[IntrinsicDimension] = []
    found = SEARCH.run(digits, told.append)
    assert found.accuracies == SEARCH.run(digits).accuracies
    assert len(told[0].trials) == 8
    assert told[-1] == found
    assert len(found.trials) == 2 * len(found.accuracies)
    assert found.baseline_name == "the net's own"
    assert found.num_parameters == 85_002
    assert 1 <= found.dimension < 1000
    fixed = replace(SEARCH, baseline=0.3).run(digits)
    assert (fixed.baseline_name, fixed.baselines) == ("fixed", (0.3,))
    assert fixed.dimension < found.dimension


def test_random_labels_take_more_dimensions(digits: Data) -> None:
    noisy = load("digits", View(limit=120, label_noise=1.0))
    search = replace(SEARCH, baseline=1.0, share=0.6)
    assert search.run(noisy).dimension > 2 * search.run(digits).dimension


def test_no_test_set_no_test_accuracy(digits: Data) -> None:
    with pytest.raises(MdlError, match="no test set"):
        replace(SEARCH, accuracy_on="test").run(digits)


def test_command_writes_what_a_figure_is_drawn_from(mdlcode: Run, tmp_path: Path) -> None:
    arguments: tuple[object, ...] = ("dimension", "digits", "--arch", "mlp-1x32", "--epochs", 1, "--seeds", 2)
    arguments += ("--precision", 2, "--limit", 300, "--threads", 1, "--baseline", 0.6, "--out", tmp_path / "out")
    ran = mdlcode(*arguments)
    assert ran.returncode == 0, ran.stderr
    assert "d_int90 = " in ran.stdout
    assert "baseline 60.00 % (fixed)" in ran.stdout
    stored = json.loads((tmp_path / "out" / "dimension.json").read_text())
    assert stored["num_parameters"] == 2_410
    assert stored["interval_method"] == "inverse regression"
    assert stored["interval"][0] <= stored["dimension"] <= (stored["interval"][1] or math.inf)
    assert "95 %, inverse regression over" in ran.stdout
    with drawing() as (_, [axes]):
        draw_dimensions(axes, [stored])
    assert "mlp-1x32" in axes.get_legend().get_texts()[0].get_text()
    again = mdlcode(*arguments)
    assert (again.returncode, "name another --out" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--projection", "gaussian", "projection"),
        ("--layers", "some", "layers"),
        ("--share", "0", "share"),
        ("--seeds", "0", "seeds"),
        ("--arch", "mlp,linear", "no net named 'mlp,linear'"),
    ],
)
def test_a_users_mistake_is_one_line(option: str, value: str, says: str) -> None:
    ran = CliRunner().invoke(app, ["dimension", "digits", option, value])
    assert isinstance(ran.exception, MdlError)
    assert says in str(ran.exception)
    assert "\n" not in str(ran.exception)


@pytest.mark.parametrize("coordinates", [Real(), Stepped(step=0.02, bit_price=0.1)])
def test_seeds_trained_at_once_are_each_what_it_is_alone(coordinates: Coordinates, digits: Data) -> None:
    """The first one on its own batches: up to the order in which sums are taken."""
    learner = replace(QUICK, coordinates=coordinates, dimension=20, training=Steps(min_steps=5, max_steps=5))
    inputs = digits.shared.inputs
    one, three = (fit_seeds(learner, seeds, digits.shared, digits.labels) for seeds in (1, 3))
    assert np.array_equal(one[0].predict(inputs), three[0].predict(inputs))
    alone = learner.fit(digits.shared, digits.labels)
    assert np.allclose(one[0].predict(inputs), alone.predict(inputs), atol=1e-3)
    assert not np.allclose(three[1].predict(inputs), three[0].predict(inputs), atol=1e-2)
    with pytest.raises(MdlError, match="only dense nets"):
        fit_seeds(replace(learner, arch="convnet"), 2, digits.shared, digits.labels)


@pytest.mark.parametrize("arch", ["mlp", "tinycnn"])
def test_more_seeds_change_nothing_for_the_first(arch: str, digits: Data) -> None:
    """A search with one seed finds what one with two finds for its first, with every setting that it takes."""
    moving = replace(
        QUICK, arch=arch, seed=3, coordinates=Stepped(bit_price=2.0), training=replace(THIRTY, warm_start=0.5)
    )
    direct = NetLearner(
        arch=arch,
        seed=3,
        training=THIRTY,
        regularisation=Regularisation(augment=Crop(pad=1), label_smoothing=0.2, unlabelled=FixMatch(batch_size=16)),
        prediction=Prediction(ema_decay=0.5, precision="bf16"),
    )
    search = DimensionSearch(moving, direct, start=50, precision=4, accuracy_on="train", seeds=1)
    one, two = search.run(digits), replace(search, seeds=2).run(digits)
    assert one.baselines[0] == two.baselines[0]
    first = {trial.dimension: trial.accuracy for trial in two.trials if trial.seed % 1000 == 3}
    again = {trial.dimension: trial.accuracy for trial in one.trials}
    both = first.keys() & again.keys()
    assert len(both) >= 4
    assert {d: first[d] for d in both} == {d: again[d] for d in both}
    assert {trial.seed - 1000 * trial.dimension for trial in two.trials} == {3, 4}


def test_only_dense_nets_are_stacked(digits: Data) -> None:
    assert can_stack("mlp", digits.shared)
    assert not can_stack("convnet", digits.shared)


def test_a_search_takes_no_settings_that_it_would_drop() -> None:
    for setting in ("regularisation", "prediction", "compiled"):
        with pytest.raises(MdlError, match=f"unknown key 'learner.{setting}'"):
            from_config({"kind": "dimension-search", "learner": {setting: {}}}, DimensionSearch, "measurement")


def test_the_baseline_is_trained_until_it_no_longer_gains() -> None:
    """On few labels the least number of steps decides, and a subspace beat the net that was to bound it."""
    few, short = (
        load("digits", View(limit=300)),
        NetLearner(arch="mlp", optimizer=AdamW(lr=3e-4), training=Steps(min_steps=8, max_steps=8)),
    )
    search = replace(SEARCH, direct=short)
    found = search._baselines(85_002, few)
    once = search._accuracies(85_002, short, few)
    assert np.mean(once) < 0.9
    assert np.mean(found) > 0.99


def test_a_subspace_that_beats_the_baseline_is_warned_of() -> None:
    trials = tuple(Trial(d, 0, accuracy, 0.0) for d, accuracy in ((128, 0.9), (512, 0.999)))
    found = IntrinsicDimension(trials, 1000, (0.941, 0.94), "the net's own", 0.9)
    with pytest.warns(UserWarning, match=r"512 dimensions reaches 99\.90 %"):
        _warn_if_beaten(found)
    _warn_if_beaten(replace(found, baseline_name="fixed"))
    _warn_if_beaten(replace(found, baselines=(0.999, 1.0)))
