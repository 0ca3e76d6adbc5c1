"""What a certificate evaluates: all errors of a fixed function of one input."""

from dataclasses import replace

import numpy as np
import pytest
from torch import Tensor, nn

from mdlcode.certify import code as bound
from mdlcode.certify.errors import count_errors
from mdlcode.codes import TwoPart
from mdlcode.data import Data, View, load
from mdlcode.errors import MdlError
from mdlcode.experiments.compare import compare
from mdlcode.learn import Affine, Mirror, NetLearner, NetPredictor, Prediction, Regularisation, Steps, Views


@pytest.fixture(scope="module")
def few() -> Data:
    return load("digits", View(limit=400))


class Smuggled(nn.Module):
    """A batch norm in a plain list, where `.eval()` does not reach it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [nn.BatchNorm1d(64)]
        self.readout = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.hidden[0](x.flatten(1)))
        return logits


def test_batch_statistics_are_found_out(few: Data) -> None:
    reached = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10)).train()
    predictor = NetPredictor(reached, few.shared, bf16=False)
    count_errors(predictor, few.shared.inputs, few.labels)
    assert not any(layer.training for layer in reached.modules())
    with pytest.raises(MdlError, match="one input than for a batch"):
        count_errors(NetPredictor(Smuggled(), few.shared, bf16=False), few.shared.inputs, few.labels)


def test_errors_are_totals_and_a_ragged_batch_counts_its_own(few: Data) -> None:
    predictor = NetPredictor(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), few.shared, bf16=False)
    inputs = few.shared.inputs.repeat(2, 1, 1, 1)[:501]  # one batch of 500 and one of a single input
    labels = np.tile(few.labels, 2)[:501]
    alone = [int(predictor.predict(each[None]).argmax()) for each in inputs]
    assert count_errors(predictor, inputs, labels) == int(np.sum(np.array(alone) != labels))


def test_a_net_that_predicts_nan_has_no_errors_to_count(few: Data) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    nn.init.constant_(net[1].bias, float("nan"))
    with pytest.raises(MdlError, match="NaN"):
        count_errors(NetPredictor(net, few.shared, bf16=False), few.shared.inputs, few.labels)


def test_a_net_that_no_bound_holds_for_keeps_its_codelength(few: Data) -> None:
    turned = Affine(rotate_degrees=90, shift_pixels=3)
    viewed = NetLearner(
        arch="mlp",
        training=Steps(min_steps=200),
        regularisation=Regularisation(augment=turned),
        prediction=Prediction(views=Views(turned, count=2)),
    )
    [result] = compare(few, [TwoPart(viewed)])
    assert result.total_bits > 0
    assert result.bound is None
    assert "no bound on the test error" in result.notes[0]


def test_random_views_are_refused_before_anything_is_trained(few: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = Affine(rotate_degrees=90, shift_pixels=3)
    code = TwoPart(NetLearner(arch="mlp", prediction=Prediction(views=Views(turned, count=2))))
    monkeypatch.setattr(NetLearner, "fit", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(MdlError, match="a fixed function of one input"):
        bound.certify_code(code, few)
    with pytest.raises(MdlError, match="a fixed function of one input"):
        bound.certify_prefix(code, few, 0.5)


def test_a_bound_holds_for_a_net_that_looks_at_mirror_images_too(few: Data) -> None:
    views = Views(Mirror(), count=2)
    code = TwoPart(NetLearner(arch="mlp", training=Steps(max_steps=30), prediction=Prediction(views=views)))
    made = bound.certify_prefix(code, few, 0.5)
    seen = len(few) - made.n
    first = replace(few.shared, inputs=few.shared.inputs[:seen])
    learned = code.learner.fit(first, few.labels[:seen])
    rest = few.shared.inputs[seen:]
    assert made.errors == (learned.predict(rest.flip(-1)).argmax(1) != few.labels[seen:]).sum()
    assert 0 < made.errors < made.n
