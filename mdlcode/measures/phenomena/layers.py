"""Which layers of a trained net matter: each set back to an earlier epoch or drawn anew, and the bits each takes.

Zhang, Bengio & Singer 2019, "Are All Layers Created Equal?", arXiv 1902.01996.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

from torch import Tensor

from mdlcode.codes import TwoPart
from mdlcode.coding.channel import Ledger
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, NetPredictor, RateAware, Squeezer
from mdlcode.measures.phenomena.training import accuracy, after_epochs, held_out
from mdlcode.nets.composed import baked
from mdlcode.nets.held import fill, held_tensors, is_trained
from mdlcode.weights import AsTrained, Quantised

_REDRAWN_SEED = 1 << 20  # far from the seeds of other trainings


@dataclass(frozen=True)
class Layer:
    """Test accuracies of a trained net when one layer of it, named as in the net, is changed and nothing else.

    `reset_accuracies` by the epoch whose weights it gets back, in `reset_epochs`; `redrawn_accuracies` for each fresh
    draw from the law of its first weights.
    """

    name: str
    num_parameters: int
    reset_epochs: list[float]
    reset_accuracies: list[float]
    redrawn_accuracies: list[float]


@dataclass(frozen=True)
class Layers:
    """The layers of a net in their order, and its own accuracy."""

    test_accuracy: float
    layers: list[Layer]


def layers_of(learned: NetPredictor) -> dict[str, dict[str, Tensor]]:
    """All tensors of each layer that is trained, by the layer's name and the tensor's.

    A layer is a module with parameters of its own; its buffers go with it. Raises MdlError for a net without one.

    >>> from mdlcode.data import load
    >>> {name: list(held) for name, held in layers_of(NetLearner("mlp-1x8").initial(load("digits").shared)).items()}
    {'1': ['1.weight', '1.bias'], '3': ['3.weight', '3.bias']}
    """
    found: dict[str, dict[str, Tensor]] = {}
    for name, value in held_tensors(learned.net).items():
        found.setdefault(name.rpartition(".")[0], {})[name] = value
    layers = {name: held for name, held in found.items() if any(map(is_trained, held.values()))}
    if not layers:
        raise MdlError("the net has no layer that is trained, so none can be set back")
    return layers


def layer_robustness(learner: NetLearner, data: Data, epochs: Sequence[float] = (0,), draws: int = 3) -> Layers:
    """What each layer of the learner's net is worth: test accuracy with it set back to these epochs, or drawn anew.

    A layer is drawn anew by the net's own initialisation under another seed, so from its own law. Raises MdlError for
    data without a labelled test set, for epochs that the training has not, and for a net without layers.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.data.view import split
    >>> from mdlcode.learn import Steps
    >>> data = split(load("digits", View(limit=300)), 200)
    >>> found = layer_robustness(NetLearner("mlp-2x16", Steps(epochs=20, min_steps=1, batch_size=20)), data)
    >>> [(layer.name, layer.reset_accuracies[0] < found.test_accuracy) for layer in found.layers]
    [('1', True), ('3', True), ('5', True)]
    """
    inputs, labels = held_out(data)
    nets = after_epochs(learner, data, epochs)
    *_, last = nets.values()
    others = [replace(learner, seed=learner.seed + _REDRAWN_SEED + draw).initial(data.shared) for draw in range(draws)]

    def with_layer(name: str, other: NetPredictor) -> float:
        changed = deepcopy(last)
        fill(changed.net, layers_of(other)[name])
        return accuracy(changed, inputs, labels)

    found = [
        Layer(
            name,
            sum(value.numel() for value in held.values() if is_trained(value)),
            [*map(float, epochs)],
            [with_layer(name, nets[float(epoch)]) for epoch in epochs],
            [with_layer(name, other) for other in others],
        )
        for name, held in layers_of(last).items()
    ]
    return Layers(accuracy(last, inputs, labels), found)


@dataclass(frozen=True)
class LayerBits:
    """Bits of each layer of a squeezed net, by name; of what else was sent of it; of the labels under it."""

    by_layer: dict[str, float]
    other_bits: float
    label_bits: float
    test_accuracy: float

    @property
    def total_bits(self) -> float:
        """The two-part code's length."""
        return sum(self.by_layer.values()) + self.other_bits + self.label_bits


def layer_bits(learner: NetLearner, data: Data, squeezer: Squeezer | None = None) -> LayerBits:
    """The bits that each layer takes when the learner's net is squeezed and sent, as the `compressed` code does.

    Here a net is sent even where none pays. `squeezer`, by default `RateAware`, goes on from what `learner` trains.
    Batch norms that are folded away have no bits. Raises MdlError for data without a labelled test set, and where the
    squeezer prunes a layer to nothing, as few labels may want at its `bit_price` of 1.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.data.view import split
    >>> from mdlcode.learn import Steps
    >>> squeezer = RateAware(NetLearner("mlp-1x16"), training=Steps(min_steps=200, max_steps=200), bit_price=0.1)
    >>> found = layer_bits(squeezer.start, split(load("digits", View(limit=300)), 200), squeezer)
    >>> list(found.by_layer), found.by_layer["1"] > found.by_layer["3"]
    (['1', '3'], True)
    """
    inputs, labels = held_out(data)
    weights = Quantised(AsTrained(), units="sorted")
    code = TwoPart(replace(squeezer or RateAware(), start=learner), weights)
    learned, ledger = code.learner.fit(data.shared, data.labels), Ledger()
    received = code.speak(ledger, [learned], data.shared, data.labels)
    by_layer: dict[str, float] = {}
    for name, parts in weights.sizes(baked(learned.net)).items():
        layer = name.rpartition(".")[0]
        by_layer[layer] = by_layer.get(layer, 0.0) + sum(parts.values())
    length = ledger.codelength(data.shared.num_classes)
    assert received.predictor is not None
    return LayerBits(
        by_layer={name: bits for name, bits in by_layer.items() if name},
        other_bits=by_layer.get("", 0.0),
        label_bits=length.label_bits,
        test_accuracy=accuracy(received.predictor, inputs, labels),
    )
