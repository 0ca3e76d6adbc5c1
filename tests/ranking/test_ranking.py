"""The evaluation of measures against closed forms, SciPy, an independent implementation, and known truths."""

import csv
import itertools
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from mdlcode.errors import MdlError
from mdlcode.ranking import (
    Models,
    conditional_information,
    granulated,
    information_null,
    kendall,
    partial_tau,
    rank,
    read_models,
    regression,
    sign_error,
    tau_a,
    tau_b,
)
from mdlcode.ranking.kendall import null_standard_error
from mdlcode.typing import FloatArray, IntArray

SIZES = {"width": 3, "depth": 3, "dropout": 3, "augment": 2, "l2": 3}


def grid(seeds: int = 2) -> dict[str, IntArray]:
    """The levels of a full grid of 162 configurations and some seeds."""
    rows = np.array(list(itertools.product(*(range(size) for size in (*SIZES.values(), seeds)))))
    return {name: rows[:, index] for index, name in enumerate([*SIZES, "seed"])}


def plain(value: FloatArray) -> float:
    """tau-a as the papers define it: a double loop."""
    x, y = value
    pairs = [(i, j) for i in range(len(x)) for j in range(len(x)) if i != j]
    return sum(float(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j])) for i, j in pairs) / len(pairs)


few = st.lists(st.integers(0, 4), min_size=4, max_size=12)


@given(few, st.randoms(use_true_random=False))
def test_tau_a_is_the_double_sum_and_tau_b_scipys(values: list[int], random: object) -> None:
    x = np.array(values, dtype=float)
    y = np.random.default_rng(len(values)).integers(0, 3, len(values)).astype(float)
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert tau_a(x, y) == pytest.approx(plain(np.stack([x, y])))
        assert tau_b(x, y) == pytest.approx(kendalltau(x, y).statistic)


def test_few_values_keep_tau_a_away_from_one() -> None:
    x = np.repeat([0.0, 1.0], 50)
    found = kendall(x, np.arange(100.0), np.arange(100))
    assert found.tau_a == pytest.approx(50 / 99)
    assert found.tie_share == pytest.approx(49 / 99)


def test_the_bootstrap_covers() -> None:
    """Pairs (x, x + noise) of correlation 1/sqrt(2): tau = 1/2; asked 95 % of the time, in 200 samples."""
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        x = random.standard_normal(60)
        found = kendall(x, x + random.standard_normal(60), np.arange(60))
        hits += found.low <= 0.5 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_seeds_of_a_configuration_are_drawn_together() -> None:
    """Ten copies of each of 30 configurations hold no more than 30: the interval is as wide."""
    random = np.random.default_rng(1)
    x = random.standard_normal(30)
    y = x + random.standard_normal(30)
    one = kendall(x, y, np.arange(30))
    x_copies, y_copies = (np.repeat(each, 10) + 1e-6 * random.standard_normal(300) for each in (x, y))
    many = kendall(x_copies, y_copies, np.repeat(np.arange(30), 10))
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.2)


@pytest.mark.parametrize(("n", "expected"), [(324, 0.0372), (160, 0.053), (48, 0.100), (32, 0.124)])
def test_null_standard_error_of_tau(n: int, expected: float) -> None:
    assert null_standard_error(n) == pytest.approx(expected, abs=5e-4)


def test_granulated_standard_errors_are_the_simulated_ones() -> None:
    """Kuhn et al. print 0.00056, 0.000484 and 0.00011 for this grid; right are 0.0614, 0.0786 and about 0.045."""
    levels, random = grid(), np.random.default_rng(0)
    target = random.random(324)
    found = granulated(random.random(324), target, levels, tuple(SIZES))
    assert found.null_by_axis["width"] == pytest.approx(0.638 / math.sqrt(108), abs=1e-3)
    assert found.null_by_axis["augment"] == pytest.approx(1 / math.sqrt(162), abs=1e-4)
    draws = [granulated(random.random(324), target, levels, tuple(SIZES)) for _ in range(150)]
    assert np.std([each.by_axis["width"] for each in draws]) == pytest.approx(found.null_by_axis["width"], rel=0.15)
    assert np.std([each.mean for each in draws]) == pytest.approx(found.null_mean, rel=0.15)
    assert found.null_mean == pytest.approx(0.0445, abs=0.006)


def test_granulated_tau_of_an_incomplete_grid() -> None:
    levels = {"width": np.array([0, 1, 0]), "depth": np.array([0, 0, 1])}
    found = granulated(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 0.0]), levels, ("width", "depth"))
    assert found.by_axis == {"width": 1.0, "depth": -1.0}


def by_hand(measure: FloatArray, target: FloatArray, given_axis: IntArray) -> float:
    """I(V_m; V_g | U) / H(V_g | U) of untied values from a table that is filled pair by pair."""
    counts: dict[tuple[int, int, int, int], int] = {}
    for i, j in itertools.permutations(range(len(measure)), 2):
        key = (int(given_axis[i]), int(given_axis[j]), int(measure[i] > measure[j]), int(target[i] > target[j]))
        counts[key] = counts.get(key, 0) + 1
    total, information, entropy = sum(counts.values()), 0.0, 0.0
    for (a, b, m, g), count in counts.items():
        cell = sum(value for key, value in counts.items() if key[:2] == (a, b))
        of_m = sum(value for key, value in counts.items() if key[:3] == (a, b, m))
        of_g = sum(value for key, value in counts.items() if key[:2] == (a, b) and key[3] == g)
        information += count / total * math.log(count * cell / (of_m * of_g))
        entropy -= count / total * math.log(of_g / cell)
    return information / entropy


def test_information_of_a_hand_worked_grid() -> None:
    """2 x 2 x 2: the least over the sets of no, one and two axes, each worked out pair by pair."""
    rows = np.array(list(itertools.product(range(2), repeat=3)))
    levels = {name: rows[:, index] for index, name in enumerate("abc")}
    random = np.random.default_rng(3)
    measure, target = random.permutation(8).astype(float), random.permutation(8).astype(float)
    sets = [subset for size in range(3) for subset in itertools.combinations(levels, size)]
    codes = [sum((levels[name] * 2**k for k, name in enumerate(subset)), np.zeros(8, dtype=int)) for subset in sets]
    expected = min(by_hand(measure, target, code) for code in codes)
    assert conditional_information(measure, target, levels) == pytest.approx(expected)


def test_information_and_sign_error_are_those_of_an_independent_implementation() -> None:
    pandas = pytest.importorskip("pandas", reason="mbe-eval and pandas are development packages")
    peer = pytest.importorskip("mbe_eval.comparators", reason="mbe-eval is a development package")
    signs = pytest.importorskip("mbe_eval.robust_sign_error", reason="mbe-eval is a development package")
    levels = {name: each for name, each in grid(seeds=1).items() if name != "seed"}
    random = np.random.default_rng(5)
    gap = 0.1 * levels["width"] + 0.05 * levels["depth"] + 0.1 * random.standard_normal(162)
    measure = gap + 0.2 * random.standard_normal(162)
    frame = pandas.DataFrame({**levels, "measure": measure, "gap": gap})
    theirs, _ = peer.jiang_normalized_cmi(frame, "measure", "gap", list(levels))
    assert conditional_information(measure, gap, levels) == pytest.approx(theirs, abs=1e-10)
    first, second = np.arange(5), np.arange(5, 10)
    loss, _, _ = signs.weighted_environment_loss(gap[first], gap[second], measure[first], measure[second])
    pair = {"width": np.repeat([0, 1], 5)}
    ours = sign_error(measure[:10], gap[:10], pair, np.repeat([0, 1], 5), test_size=10_000)
    assert ours.mean == pytest.approx(float(loss[0]))


def models(**columns: FloatArray) -> Models:
    return Models(grid(), dict.fromkeys(grid(), ("0", "1", "2")), columns)


def score(name: str, measure: FloatArray, target: FloatArray) -> dict[str, float]:
    """The scores that tell the six scenarios apart."""
    levels = {axis: each for axis, each in grid().items() if axis != "seed"}
    per_axis = granulated(measure, target, grid(), tuple(SIZES)).by_axis
    return {
        "tau": tau_a(measure, target),
        "cmi": conditional_information(measure, target, levels),
        "null": information_null(target, levels, repeats=40),
        "width": per_axis["width"],
        "dropout": per_axis["dropout"],
    }


def test_known_truths() -> None:
    """Independent null, design proxy, interaction proxy, genuine increment, axis specialist, sign flip."""
    levels, random = grid(), np.random.default_rng(7)
    width, depth, dropout = (levels[name].astype(float) for name in ("width", "depth", "dropout"))
    hidden = random.standard_normal(324)
    target = width + depth + hidden
    noise = 0.05 * random.standard_normal(324)

    null = score("null", random.standard_normal(324), target)
    assert abs(null["tau"]) < 3 * null_standard_error(324)
    assert null["cmi"] < 3 * null["null"]
    proxy = score("design proxy", width + depth + noise, target)
    assert proxy["tau"] > 0.4
    assert proxy["cmi"] < 0.02  # conditioning on width and depth leaves nothing
    interaction = score("interaction proxy", width * depth + dropout + noise, target)
    genuine = score("genuine increment", hidden + noise, target)
    assert genuine["cmi"] > 5 * genuine["null"]
    assert genuine["cmi"] > interaction["cmi"]
    specialist = score("axis specialist", width + noise, target)
    assert specialist["width"] > 0.5
    assert abs(specialist["dropout"]) < 0.2
    flipped = score("sign flip", -target, target)
    assert flipped["tau"] == pytest.approx(-1)
    assert flipped["cmi"] == pytest.approx(1)  # information has no sign: tau has


def test_partial_tau_takes_out_what_a_third_explains() -> None:
    random = np.random.default_rng(0)
    loss = random.standard_normal(400)
    measure, target = (loss + 0.5 * random.standard_normal(400) for _ in range(2))
    assert tau_a(measure, target) > 0.4
    assert abs(partial_tau(measure, target, loss)) < 0.2
    assert math.isnan(partial_tau(loss, target, loss))


def test_regression_held_out_pays_for_many_useless_features() -> None:
    random = np.random.default_rng(0)
    target = random.standard_normal(40)
    found = regression(random.standard_normal((40, 15)), target, np.arange(40))
    assert found.held_out_r2 < 0
    assert found.held_out_r2 < found.adjusted_r2 < 0.5


def test_two_seeds_leave_sign_error_without_weight_and_ten_do_not() -> None:
    def error(seeds: int) -> float:
        random = np.random.default_rng(0)
        configuration = np.repeat([0, 1], seeds)
        gap = 0.05 * configuration + 0.002 * random.standard_normal(2 * seeds)
        return sign_error(gap, gap, {"width": configuration}, configuration, test_size=100 * seeds**2).mean

    assert math.isnan(error(2))
    assert error(10) == 0.0


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def table(path: Path, **changes: object) -> Path:
    levels, random = grid(), np.random.default_rng(0)
    test = 0.1 + 0.05 * levels["width"] + 0.02 * random.random(324)
    rows: list[dict[str, object]] = [
        {
            **{axis: int(each[index]) for axis, each in levels.items()},
            "train_error": round(0.2 * float(random.random()), 4),
            "test_error": float(test[index]),
            "train_ce": float(random.random()),
            "good": float(test[index] + 0.02 * random.random()),
            "flat": 1.0,
            "bad": "" if index % 5 == 0 else float(random.random()),
        }
        for index in range(324)
    ]
    rows[0].update(changes)
    return write(path, rows)


def test_a_table_is_ranked_with_controls_and_reasons(tmp_path: Path) -> None:
    found = read_models(table(tmp_path / "t.csv", test_error="nan"), list(SIZES))
    assert found.left_out == {"no finite train or test error": 1}
    rows = {(row.measure, row.target, row.subset): row for row in rank(found, ["gap", "test_error"])}
    good = rows["good", "test_error", "all"].scores
    random = rows["random", "test_error", "all"].scores
    assert good is not None
    assert random is not None
    assert good.correlation.tau_a > 0.7 > abs(random.correlation.tau_a)
    assert good.cmi > good.cmi_null
    assert rows["flat", "gap", "all"].reason == "constant measure"
    assert rows["bad", "gap", "all"].n == 259
    assert {row.subset for row in rows.values()} == {"all", "fitted"}
    controls = {row.measure for row in rows.values() if row.control}
    assert controls == {"random", "noisy oracle", "canonical ordering", "-train CE"}


def test_information_of_a_table_of_324_takes_under_a_fifth_of_a_second() -> None:
    levels = {axis: each for axis, each in grid().items() if axis != "seed"}
    random = np.random.default_rng(0)
    measure, target = random.random(324), random.random(324)
    conditional_information(measure, target, levels)
    begin = time.process_time()
    conditional_information(measure, target, levels)
    assert time.process_time() - begin < 0.2


@pytest.mark.parametrize(
    ("rows", "axes", "message"),
    [
        ([{"width": 1, "m": 1}, {"width": 1, "m": 2}], ["width"], "same axes and seed"),
        ([{"width": 1, "seed": 0, "m": 1}, {"width": 1, "seed": 1, "m": 2}], ["width"], "single configuration"),
        ([{"width": 1, "m": 1}], ["depth"], "axis 'depth' is no column"),
        ([{"width": 1, "train_error": "", "test_error": 1}], ["width"], "no model of the table"),
        ([{"width": 1, "m": 1}], None, "name them with axes"),
    ],
)
def test_bad_tables_are_one_line(tmp_path: Path, rows: list[dict[str, object]], axes: list[str], message: str) -> None:
    with pytest.raises(MdlError, match=message):
        read_models(write(tmp_path / "t.csv", rows), axes)


def test_unknown_names_are_one_line(tmp_path: Path) -> None:
    found = read_models(table(tmp_path / "t.csv"), list(SIZES))
    with pytest.raises(MdlError, match="no column 'error'"):
        list(rank(found, ["error"]))
    with pytest.raises(MdlError, match="no measure 'best'"):
        list(rank(found, ["gap"], ["best"]))


def test_the_command_ranks_and_stores(mdlcode, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = table(tmp_path / "t.csv")
    ran = mdlcode("rank", path, "--axes", ",".join(SIZES), "--targets", "gap,test_error", "-o", tmp_path / "r.json")
    assert ran.returncode == 0, ran.stderr
    assert "control: noisy oracle" in ran.stdout
    stored = json.loads((tmp_path / "r.json").read_text())
    assert {row["target"] for row in stored} == {"gap", "test_error"}
    again = mdlcode("rank", path, "--axes", ",".join(SIZES), "-o", tmp_path / "r.json")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    missing = mdlcode("rank", tmp_path / "none.csv", "--axes", "width")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)


def test_fitted_margins_are_held_out() -> None:
    """Fifteen useless columns rank nothing out of fold, though in the sample they would; a useful one is found."""
    levels, random = grid(), np.random.default_rng(0)
    target = random.standard_normal(324)
    useless = {f"margin-{index}": random.standard_normal(324) for index in range(15)}
    good = {**useless, "margin-3": target + 0.5 * random.standard_normal(324)}
    for columns, least, most in ((useless, -0.2, 0.12), (good, 0.6, 1.0)):
        models = Models(levels, dict.fromkeys(levels, ("0", "1", "2")), {**columns, "gap": target})
        rows = {row.measure: row.scores for row in rank(models, ["gap"])}
        for name in ("margins, fitted", "margins, best single"):
            scores = rows[name]
            assert scores is not None
            assert least < scores.correlation.tau_a < most
