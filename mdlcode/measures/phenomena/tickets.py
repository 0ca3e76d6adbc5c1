"""Winning tickets: sparse nets at their first weights that learn as the whole net does, and what sending one takes.

Frankle & Carbin 2019, "The Lottery Ticket Hypothesis", arXiv 1803.03635.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import prune

from mdlcode import nets
from mdlcode.codes.base import Received
from mdlcode.coding.channel import Channel
from mdlcode.coding.integers import send_float16
from mdlcode.coding.smoothing import smooth
from mdlcode.data.base import Data, Shared
from mdlcode.data.view import split
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, NetPredictor
from mdlcode.learn.squeeze.compress import magnitude_mask
from mdlcode.learn.turns import say_all
from mdlcode.measures.phenomena.training import accuracy, after_epochs, held_out, whole_epochs
from mdlcode.nets.arch import Arch
from mdlcode.nets.composed import Composed, baked
from mdlcode.nets.held import held_tensors, is_trained, others
from mdlcode.typing import FloatArray, IntArray
from mdlcode.weights import KMeans
from mdlcode.weights.compositions import send_symbols
from mdlcode.weights.masks import send_mask
from mdlcode.weights.others import send_others
from mdlcode.weights.quantisers import send_alphabet, symbols_of

Masks = Mapping[str, Tensor]  # of each weight tensor of two axes or more, true where a weight stays
_VALIDATION_SHARE = 0.2
_WORD = 16


@dataclass(frozen=True, eq=False)
class Learned:
    """A net behind a mask, trained: `density` is the share of the masked tensors' weights that stays.

    The validation labels are the last fifth of the training labels. `stop_epoch` is the one of least bits a validation
    label, and `stop_accuracy` the test accuracy then; `test_accuracy` is that at the end.
    """

    masks: Masks
    net: NetPredictor
    density: float
    stop_epoch: float
    stop_accuracy: float
    test_accuracy: float


def masked(learner: NetLearner, masks: Masks) -> NetLearner:
    """The same learner for the net with weights that are 0 and stay so where the masks are false.

    Its first weights are those of the whole net under the same seed, so it is a ticket; another seed draws it anew.

    >>> from mdlcode.data import load
    >>> learner, shared = NetLearner("linear"), load("digits").shared
    >>> mask = torch.zeros(10, 64, dtype=torch.bool)
    >>> mask[:, :5] = True
    >>> first = baked(masked(learner, {"1.weight": mask}).initial(shared).net)
    >>> bool((first[1].weight == learner.initial(shared).net[1].weight * mask).all())
    True
    """
    return replace(learner, arch=partial(_masked_net, learner.arch, masks))


def whole(learner: NetLearner, shared: Shared) -> Masks:
    """The masks that keep everything. Raises MdlError for a net without weight tensors, or whose weights are made.

    >>> from mdlcode.data import load
    >>> {name: mask.shape for name, mask in whole(NetLearner("linear"), load("digits").shared).items()}
    {'1.weight': torch.Size([10, 64])}
    """
    net = learner.initial(shared).net
    if any(isinstance(each, Composed) for each in net.modules()):
        raise MdlError("a net whose weights are made of others (weight norm, masks) has none to prune for a ticket")
    kernels = {name: each for name, each in held_tensors(net).items() if is_trained(each) and each.ndim > 1}
    if not kernels:
        raise MdlError("the net has no weight tensor of two axes or more, so there is nothing to prune for a ticket")
    return {name: torch.ones_like(each, dtype=torch.bool) for name, each in kernels.items()}


def tickets(
    learner: NetLearner, data: Data, rounds: int, rate: float = 0.2, checks: Sequence[float] = ()
) -> Iterator[Learned]:
    """The whole net, and the ticket of each round of iterative magnitude pruning with rewind.

    In a round the net is trained from its first weights; then of each tensor's remaining weights the smallest are cut,
    the share `rate` of them, of the last tensor's half that share. `checks` are the epochs to stop at, whole ones by
    default. Raises MdlError for a rate outside 0 .. 1, data without a labelled test set or of fewer than ten labels,
    and for nets that can't be pruned.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.learn import Steps
    >>> data = split(load("digits", View(limit=400)), 300)
    >>> learner = NetLearner("mlp-1x32", Steps(epochs=4, min_steps=1, batch_size=20))
    >>> [round(each.density, 2) for each in tickets(learner, data, rounds=2)]
    [1.0, 0.81, 0.66]
    """
    if not 0 < rate < 1:
        raise MdlError(f"a rate of {rate} prunes no share of the weights in a round: between 0 and 1 is needed")
    masks = whole(learner, data.shared)
    *_, last = masks
    for round_ in range(rounds + 1):
        learned = learn(learner, masks, data, checks)
        yield learned
        kept = {name: (1 - (rate / 2 if name == last else rate)) ** (round_ + 1) for name in masks}
        weights = held_tensors(baked(learned.net.net))
        masks = {name: magnitude_mask(weights[name], kept[name]) & mask for name, mask in masks.items()}


def random_masks(masks: Masks, seed: int) -> Masks:
    """Masks that keep as many weights of each tensor, at random places.

    >>> made = random_masks({"w": torch.tensor([[True, False, False, True]])}, seed=0)
    >>> int(made["w"].sum())
    2
    """
    generator = Generator().manual_seed(seed)
    return {
        name: mask.flatten()[torch.randperm(mask.numel(), generator=generator).to(mask.device)].view_as(mask)
        for name, mask in masks.items()
    }


def learn(learner: NetLearner, masks: Masks, data: Data, checks: Sequence[float] = ()) -> Learned:
    """What becomes of the learner's net behind these masks.

    Raises MdlError as `tickets` does.
    """
    inputs, labels = held_out(data)
    if len(data) < 1 / _VALIDATION_SHARE * 2:
        raise MdlError(f"{len(data)} labels are too few to keep a fifth of them for validation: take ten or more")
    parts = split(replace(data, test_inputs=None, test_labels=None), len(data) - round(_VALIDATION_SHARE * len(data)))
    path = after_epochs(masked(learner, masks), parts, checks or whole_epochs(learner, parts))
    validation, truth = held_out(parts)
    bits = {epoch: _bits_per_label(net, validation, truth) for epoch, net in path.items() if epoch > 0}
    stop = min(bits, key=bits.__getitem__)
    *_, net = path.values()
    return Learned(
        masks=masks,
        net=net,
        density=sum(int(mask.sum()) for mask in masks.values()) / sum(mask.numel() for mask in masks.values()),
        stop_epoch=stop,
        stop_accuracy=accuracy(path[stop], inputs, labels),
        test_accuracy=accuracy(net, inputs, labels),
    )


@torch.no_grad()
def say_ticket(
    channel: Channel, learner: NetLearner, ticket: Learned | None, shared: Shared, labels: IntArray | None, levels: int
) -> Received:
    """A two-part code by a ticket: the seed, the masks, how far each weight that stays has moved, then the labels.

    Both sides draw the first weights from the seed. The moves of a tensor take `levels` values, which k-means finds;
    vectors are sent as float16 moves, statistics of norms as code `subspace` sends them. On Bob's side `ticket` and
    `labels` are None. Parts: "seed", "masks", "levels", "values", "buffers" and "labels".

    >>> from mdlcode.coding.channel import Ledger
    >>> from mdlcode.data import View, load
    >>> from mdlcode.learn import Steps
    >>> data = split(load("digits", View(limit=400)), 300)
    >>> learner = NetLearner("mlp-1x32", Steps(epochs=4, min_steps=1, batch_size=20))
    >>> *_, ticket = tickets(learner, data, rounds=5)
    >>> ledger = Ledger()
    >>> _ = say_ticket(ledger, learner, ticket, data.shared, data.labels, levels=8)
    >>> {part: bits > 0 for part, bits in ledger.codelength(10).bits_by_part.items()}
    {'seed': True, 'masks': True, 'levels': True, 'values': True, 'labels': True}
    """
    words = None if ticket is None else np.array([learner.seed >> _WORD, learner.seed % (1 << _WORD)])
    high, low = channel.send_uniform(words, 2, 1 << _WORD, "seed").tolist()
    decoded = replace(learner, seed=(high << _WORD) + low).initial(shared)
    trained = None if ticket is None else held_tensors(baked(ticket.net.net))
    for name, tensor in held_tensors(decoded.net).items():
        if is_trained(tensor):
            mask = None if ticket is None else ticket.masks.get(name)
            _send_moves(channel, tensor, None if trained is None else trained[name], mask, levels)
    start = others(decoded.net)
    if trained is not None:
        for name, tensor in held_tensors(decoded.net).items():
            if name in start:
                tensor.copy_(trained[name])
    send_others(channel, decoded.net, start)
    return Received(say_all(channel, shared, labels, decoded), decoded)


def _send_moves(channel: Channel, tensor: Tensor, trained: Tensor | None, mask: Tensor | None, levels: int) -> None:
    """Brings the first weights in `tensor` to the decoded ones, zeros where there is a mask."""
    first = tensor.double().cpu().numpy().reshape(-1)
    moved = None if trained is None else trained.double().cpu().numpy().reshape(-1)
    if tensor.ndim < 2:
        sent = send_float16(channel, None if moved is None else moved - first, len(first), "values")
        tensor.copy_(torch.from_numpy(first + sent).view_as(tensor))
        return
    known = None if mask is None else np.flatnonzero(mask.cpu().numpy())
    places = send_mask(channel, known, tuple(tensor.shape), "masks")
    moves = None if moved is None else moved[places] - first[places]
    alphabet = send_alphabet(channel, None if moves is None else KMeans(levels).alphabet(moves), "levels")
    symbols = None if moves is None else symbols_of(moves, alphabet)
    decoded = send_symbols(channel, symbols, len(places), alphabet.size, "values")
    values = np.zeros(len(first))
    values[places] = first[places] + alphabet.values[decoded]
    tensor.copy_(torch.from_numpy(values).view_as(tensor))


def _masked_net(arch: Arch, masks: Masks, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    net = nets.build(arch, input_shape, num_classes)
    for name, mask in masks.items():
        place, _, key = name.rpartition(".")
        prune.custom_from_mask(net.get_submodule(place), key, mask.cpu())
    return net


def _bits_per_label(net: NetPredictor, inputs: Tensor, labels: IntArray) -> float:
    probs: FloatArray = smooth(net.predict(inputs))
    return float(-np.log2(probs[np.arange(len(labels)), labels]).mean())
