"""Plans: what is counted is what is done, and the simulator's times are those of a hand."""

from dataclasses import replace
from typing import Any

from test_parallel import Heard

from conftest import Run
from mdlcode import progress
from mdlcode.codes import BestOf, Compressed, Prequential, Temperature, TwoPart, Uniform
from mdlcode.codes.schedule import Listed
from mdlcode.data import Data, View, load
from mdlcode.engines import Place
from mdlcode.experiments.costs import Cost, PeakMemory, measured
from mdlcode.experiments.plan import Plan, planned, scheduled, trainings
from mdlcode.experiments.plan_table import plan_table
from mdlcode.learn import CheckpointedLearner, EnsembleLearner, NetLearner, Steps, UniformLearner

NET = NetLearner(arch="mlp-1x16", training=Steps(epochs=2, min_steps=3, batch_size=20))
CODE = Prequential((NET,), Listed((10, 40)))
WIDTHS = 64 * 16, 16 * 10  # products of an input in each layer


def test_a_plan_has_the_steps_that_a_run_reports(digits: Data) -> None:
    heard = Heard()
    with progress.listening(heard):
        replace(CODE).codelength(digits)
    plan = planned(CODE, digits, step_seconds=1.0)
    assert heard.words[0] == ("prequential", sum(each.steps for each in plan.trainings))
    assert [(each.num_labels, each.predicted, each.steps) for each in plan.trainings] == [(40, 80, 4), (10, 30, 3)]


def test_operations_are_those_of_the_layers(digits: Data) -> None:
    cost = measured(NET, digits, least=10, clock=None)
    assert cost is not None
    # Forwards, to the weights, and to the inputs of all layers but the first: a product and a sum each.
    assert cost.step_flops == 20 * 2 * (3 * sum(WIDTHS) - WIDTHS[0])
    assert cost.prediction_flops == 2 * sum(WIDTHS)
    plan = planned(CODE, digits, step_seconds=1.0)
    of_a_label = cost.step_flops / 20
    assert plan.flops == (4 * 20 + 3 * 10) * of_a_label + 110 * cost.prediction_flops
    ensemble = measured(EnsembleLearner(NET, 3), digits, least=10, clock=None)
    assert ensemble is not None
    assert ensemble.step_flops == cost.step_flops  # each member's step is one


def test_memory_holds_weights_gradients_and_moments(digits: Data) -> None:
    cost = measured(NET, digits, least=10, clock=None)
    assert cost is not None
    weights = 4 * (sum(WIDTHS) + 16 + 10)
    assert 4 * weights < cost.peak_bytes < 20 * weights
    plan = planned(CODE, digits, step_seconds=1.0)
    assert plan.data_bytes == digits.shared.inputs.numel()
    assert plan.worker_bytes == plan.data_bytes + cost.peak_bytes
    assert plan.piece_bytes == 8 * (10 + 40 + 110 * 10)


def test_time_is_measured_by_the_clock_that_is_given(digits: Data) -> None:
    ticks = iter(range(10**6))
    cost = measured(NET, digits, least=10, clock=lambda: float(next(ticks)))
    assert cost == replace(_cost(cost), begin_seconds=1.0, step_seconds=0.0, empty_step_seconds=0.0)
    assert _cost(cost).prediction_seconds == 1 / len(digits)


def test_the_wall_time_is_that_of_the_schedule(digits: Data) -> None:
    plan = planned(CODE, digits, step_seconds=10.0)
    last, first = plan.seconds
    assert (int(last), int(first)) == (58, 37)  # 4 and 3 steps, and predictions
    assert plan.wall_seconds(1) == last + first
    assert plan.wall_seconds(2) == 8.0 + last  # a worker that comes when the short one is not done
    assert plan.wall_seconds(2, "ray") == 4.0 + last
    assert plan.wall_seconds(2, "slurm") == 4.0 + last
    assert plan.wall_seconds(1, "slurm") == 8.0 + last + first
    assert scheduled([5.0, 3.0, 3.0, 1.0], 2) == 6.0
    assert scheduled([], 3) == 0.0


def test_calibration_and_mixture_take_the_time_of_the_command_itself(digits: Data) -> None:
    code = Prequential((CheckpointedLearner(NET), UniformLearner()), Listed((10, 40)), Temperature())
    plan = planned(code, digits)
    assert [0 if each is None else each.num_experts for each in plan.costs.values()] == [3, 0]
    assert 0 < plan.mixing_seconds < 1
    for engine in ("processes", "ray", "slurm"):
        without = replace(plan, mixing_seconds=0.0).wall_seconds(2, engine)
        assert plan.wall_seconds(2, engine) == without + plan.mixing_seconds
    text = plan_table("mine", plan, Place("processes"), stated=False).text()
    assert "calibration and mixture, by the command itself: 0." in text
    assert planned(code, digits, step_seconds=1.0).mixing_seconds == 0.0  # nothing is timed


def test_codes_that_a_plan_knows() -> None:
    shared = load("digits", View(limit=50)).shared
    both = trainings(BestOf((TwoPart(NET), CODE)), shared)
    assert [each.num_labels for each in both] == [50, 40, 10]
    assert trainings(Uniform(), shared) == []
    assert trainings(Compressed(), shared) == []


def test_a_table_says_what_is_not_in_it(digits: Data) -> None:
    code = Prequential((NET, UniformLearner()), Listed((10, 40)))
    text = plan_table("mine", planned(code, digits, step_seconds=3600.0), Place("processes", "3"), stated=True).text()
    assert text.startswith("mine: 4 trainings, 9 steps,")
    assert "UniformLearner: it has no steps that could be timed, and its time is not in the plan" in text
    assert "NetLearner: 3.6e+06 ms a step as you state" in text
    assert "critical path: the training on 40 labels, 4 steps," in text
    assert [line.split()[1] for line in text.splitlines() if line[0] == "│"] == ["1", "2", "3"]


def test_the_command_prints_a_plan_or_says_that_it_has_none(mdlcode: Run) -> None:
    ran = mdlcode("plan", "digits", "--limit", 40, "--arch", "mlp-1x4", "--codes", "prequential,uniform")
    assert ran.returncode == 0, ran.stderr
    assert "a step measured here" in ran.stdout
    assert "uniform: it has no trainings that a plan knows of" in ran.stdout
    wrong = mdlcode("plan", "digits", "--step-seconds", 0)
    assert "--step-seconds is 0" in wrong.stderr


def test_memory_of_views_is_counted_once() -> None:
    import torch

    with PeakMemory() as memory:
        kept = torch.zeros(100)
        views = [kept[:50], kept.reshape(10, 10)]
        del kept, views
        torch.zeros(10)
    assert memory.peak_bytes == 400


def _cost(found: Any) -> Cost:
    assert isinstance(found, Cost)
    return found


def test_a_plan_of_known_costs_measures_nothing(digits: Data) -> None:
    cost = Cost(0.5, 2.0, 1.0, 0.25, 100.0, 3.0, 7)
    plan = planned(CODE, digits, costs={NET: cost})
    assert isinstance(plan, Plan)
    assert plan.seconds == [0.5 + 4 * 2.0 + 80 * 0.25, 0.5 + 3 * 1.5 + 30 * 0.25]  # the second batch is half full
