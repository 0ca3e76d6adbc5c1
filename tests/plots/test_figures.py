"""What a reader needs of a figure: plain numbers, the data's name and size, one legend, nothing beyond the frame."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from mdlcode.codes import Prequential
from mdlcode.data import View, load
from mdlcode.experiments.compare import compare
from mdlcode.experiments.stored import Stored, read_results
from mdlcode.learn import FrequencyLearner, UniformLearner
from mdlcode.plots.bounds import bounds_of_codes
from mdlcode.plots.kinds import KINDS, draw
from mdlcode.plots.style import COLOURS, drawing, log_ticks


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Stored]:
    folder = tmp_path_factory.mktemp("runs") / "run"
    switched = Prequential((UniformLearner(), FrequencyLearner()))
    compare(load("digits", View(limit=120)), ["uniform", switched, "frequencies"], out=folder)
    uniform, other, third = read_results(folder)
    swept = {"bit_prices": (0.5, 1.0), "weights_bits": (90.0, 50.0), "total_bits": (99.0, 98.0)}
    prices = {name: np.array(each) for name, each in swept.items()}
    bounded: dict[str, Any] = {"bound": 0.5, "bound_bits": 900.0, "train_errors": 12, "bound_name": "exact binomial"}
    far = {**bounded, "bound": 1.0, "bound_bits": 9e6}
    config = {**third.result.config, "rate": 3}
    return [
        replace(uniform, result=replace(uniform.result, config={**uniform.result.config, "rate": 2}, **bounded)),
        replace(other, arrays={**other.arrays, **prices}, result=replace(other.result, **far)),
        replace(third, result=replace(third.result, config=config)),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_names_its_data_and_stays_in_its_frame(kind: str, runs: list[Stored]) -> None:
    figure = draw(kind, [runs[0], runs[2]] if kind == "sweep" else runs)
    figure.canvas.draw()
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    assert any("digits, n = 120" in title for title in titles)
    for axes in figure.axes:
        frame = axes.get_window_extent()
        for text in axes.texts:
            inside = text.get_window_extent()
            assert frame.x0 <= inside.x0 <= inside.x1 <= frame.x1, text.get_text()
            assert inside.y1 <= frame.y1, text.get_text()


def test_panels_have_one_legend(runs: list[Stored]) -> None:
    figure = draw("panels", runs)
    assert [axes.get_legend() for axes in figure.axes] == [None] * 4
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [run.name for run in runs]


@pytest.mark.parametrize("kind", ["ratio", "regret", "blocks", "accuracy"])
def test_every_curve_has_its_marker(kind: str, runs: list[Stored]) -> None:
    [axes] = draw(kind, runs).axes
    named = [line for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
    assert len({line.get_marker() for line in named}) == len({line.get_color() for line in named}) == len(runs)


@pytest.mark.parametrize(("low", "high"), [(0.3, 1.5), (1510, 1930), (1, 200), (1, 60_000), (0.05, 3e5)])
def test_ticks_of_a_logarithmic_axis_are_plain_numbers(low: float, high: float) -> None:
    axes = Figure().subplots()
    axes.plot([low, high], [1, 2])
    axes.set_xscale("log")
    log_ticks(axes.xaxis)
    shown = [label.get_text() for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert 2 <= len(shown) <= 8
    assert [float(text.replace(",", "")) for text in shown] == sorted(float(text.replace(",", "")) for text in shown)


def test_codes_are_points_and_no_curve(runs: list[Stored]) -> None:
    with drawing() as (_, [axes]):
        bounds_of_codes(axes, runs[:2])
        bound, train = axes.get_lines()
    assert [line.get_linestyle() for line in (bound, train)] == ["None", "None"]
    assert np.asarray(bound.get_ydata()).tolist() == [50.0, 100.0]
    assert np.asarray(train.get_ydata()).tolist() == [10.0, 10.0]
    assert [text.get_text() for text in axes.texts] == ["uniform\n50.0 %", "prequential\n100.0 %"]


def test_every_colour_is_seen_on_white() -> None:
    """Luminance contrast of 1.9 at least; the yellow of Okabe & Ito has 1.3."""

    def luminance(colour: str) -> float:
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    assert all(1.05 / (luminance(colour) + 0.05) >= 1.9 for colour in COLOURS)
    assert 1.05 / (luminance("#F0E442") + 0.05) < 1.4
