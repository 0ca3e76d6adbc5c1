"""Any module in the codes that train nets: the labels come back, or one line before any training says why not."""

import warnings
from typing import Any

import any_nets
import numpy as np
import pytest
import torch

from mdlcode import nets
from mdlcode.bayes import BayesLearner, SparsePrior
from mdlcode.codes import Code, Compressed, Listed, Online, Prequential, Subspace, TwoPart, Variational
from mdlcode.codes.online import Streams
from mdlcode.config import replaced
from mdlcode.data import Data, from_arrays
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, RateAware, Steps, SubspaceLearner, fold_batch_norm
from mdlcode.nets.held import held_tensors
from mdlcode.weights import Float32, Quantised
from mdlcode.weights.net_file import decode_net, pack_net

REFUSED = {
    "frozen": "all parameters of the net are frozen",
    "transposed_view": "'4.weight' is a view of '2.weight'",
    "growing": "'seen' changes its shape",
    "gives_unnamed": "no tensor is named 'logits'",
    "gives_classes": "torch.int64",
    "gives_whole": "torch.int64",
    "gives_nan": "predicts NaN for the first inputs",
    "gives_detached": "no gradient leads",
    "gives_half_the_batch": r"\(1, 3\) for 2 inputs",
    "gives_more_classes": r"\(2, 4\) for 2 inputs",
}
HELPERS = {"dense", "convolution", "changed", "giving"}
NETS = [name for name, each in vars(any_nets).items() if callable(each) and name.islower() and name[0] != "_"]
TAKEN = [name for name in NETS if name not in {*REFUSED, *HELPERS, "spectral_norm", "weight_norm"}]
FEW = Steps(epochs=1, min_steps=2, max_steps=2, batch_size=8)
# The other presets train, predict and send as these do. One draw of the weights at a time is the fastest estimator.
CODES: dict[str, Code] = {
    "prequential": Prequential((NetLearner(),), schedule=Listed((1, 24))),
    "float32": TwoPart(NetLearner()),
    "compressed": Compressed(RateAware(), bit_prices=(1.0,)),
    "subspace": Subspace(SubspaceLearner(dimension=20)),
    "variational": Variational(BayesLearner(RateAware(), SparsePrior(), estimator="one-draw")),
    "online": Online(batch_size=12, replay=Streams(1)),
}


def data_for(name: str, count: int = 25) -> Data:
    """Labels of two or three classes; 25 leave one for a last batch of its own."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(count) % (2 if "one" in name else 3))
    if name == "embedding":
        return from_arrays(random.integers(0, 20, (count, 12)), labels, standardise="none")
    return from_arrays(random.normal(size=(count, 12)).astype(np.float32), labels)


def short(name: str, arch: str) -> Code:
    """The code of that name with nets `arch` in two steps of training."""
    code = replaced(CODES[name], "arch", lambda old: arch)
    return replaced(code, "training", lambda old: FEW)


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_the_labels_come_back(name: str) -> None:
    data = data_for(name)
    for each in CODES:
        code = short(each, f"any_nets:{name}")
        assert np.array_equal(code.decode(data.shared, code.encode(data)), data.labels), each


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_is_refused_before_training(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_for(name)
    monkeypatch.setattr(Steps, "minibatches", lambda *_: pytest.fail("it trains"))
    for each in CODES:
        with pytest.raises(MdlError, match=REFUSED[name]) as error:
            short(each, f"any_nets:{name}").encode(data)
        assert "\n" not in str(error.value)


def built(name: str, classes: int = 3) -> Any:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nets.build(f"any_nets:{name}", (12,), classes).eval()


@pytest.mark.parametrize("name", ["gives_one_logit", "gives_one_flat_logit"])
def test_one_logit_is_that_of_the_second_class(name: str) -> None:
    net, x = built(name, 2), torch.randn(4, 12)
    assert isinstance(net, nets.outputs.Logits)
    inner: Any = net.net
    one = inner.net(x)
    assert torch.allclose(net(x).softmax(1)[:, 1], one[:, 0].sigmoid())
    assert torch.allclose(net(x[:1]), net(x)[:1])


def test_log_probabilities_are_probabilities_again() -> None:
    data = data_for("")
    plain, logs = (NetLearner(arch=f"any_nets:{name}") for name in ("gives_tuple", "gives_log_probabilities"))
    one, other = (each.initial(data.shared).predict(data.shared.inputs) for each in (plain, logs))
    assert np.allclose(one, other, atol=1e-7)


@pytest.mark.parametrize("name", ["old_weight_norm", "new_spectral_norm", "pruned", "in_double", "lstm", "odd_tensors"])
def test_what_is_sent_predicts_the_same(name: str) -> None:
    net, x = built(name), torch.randn(20, 12)
    assert torch.allclose(fold_batch_norm(net)(x), net(x), atol=1e-5)


def test_a_pruned_net_is_sent_without_its_masks() -> None:
    net = built("pruned")
    plain: Any = fold_batch_norm(net)
    assert set(held_tensors(plain)) == {"1.weight", "1.bias", "3.weight", "3.bias"}
    cut = plain[1].weight == 0
    assert cut.float().mean() > 0.5
    net(torch.randn(8, 12)).sum().backward()
    [weight] = [each for each in net.makers.parameters() if each.shape == cut.shape]
    assert bool((weight.grad[cut] == 0).all())


def test_a_net_that_draws_random_numbers_draws_the_same() -> None:
    data = data_for("")
    learned = NetLearner(arch="any_nets:noisy").initial(data.shared)
    assert np.array_equal(learned.predict(data.shared.inputs), learned.predict(data.shared.inputs))


@pytest.mark.parametrize("name", ["tied", "same_memory"])
@pytest.mark.parametrize("weights", [Float32(), Quantised()], ids=["float32", "quantised"])
def test_tied_weights_are_once_in_a_file_and_tied_after_it(name: str, weights: Float32 | Quantised) -> None:
    data = data_for("")
    learned = NetLearner(arch=f"any_nets:{name}").initial(data.shared)
    tensors = held_tensors(learned.net)
    assert "4.weight" not in tensors
    file = pack_net(learned, f"any_nets:{name}", (12,), 3, weights)
    again: Any = decode_net(file, trusted=(f"any_nets:{name}",)).net
    assert again[4].weight is again[2].weight
    if weights == Float32():
        assert torch.equal(again[4].weight, tensors["2.weight"])
