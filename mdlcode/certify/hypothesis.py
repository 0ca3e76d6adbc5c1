"""What a bound is about: a net decoded from bits, and every bit that was paid for it by part."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from mdlcode.codelength import LABELS, Codelength
from mdlcode.codes.base import Code, code_of
from mdlcode.codes.variational import Variational
from mdlcode.coding.channel import Receiver, Sender, Words
from mdlcode.coding.counting import CountingReceiver
from mdlcode.coding.message import unpack, words_checksum
from mdlcode.config import kind_of, to_config
from mdlcode.data.base import Data, Shared
from mdlcode.errors import MdlError, MessageError
from mdlcode.learn.base import Predictor
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.nets import build
from mdlcode.nets.tensors import load_weights
from mdlcode.trust import names
from mdlcode.weights import WeightCode
from mdlcode.weights.net_file import decode_net, pack_net, unpack_net

INPUTS = "input moments"
_PROBE = 64  # inputs that are not the data, to see whether the decoded net depends on the data


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A predictor, the bits of all that it was decoded from by part, and what it is in one line.

    The sum of `bits_by_part` is what a bound pays: -log2 of the prior probability that the code gives to this
    net. `coded_bits` are those of the words that hold the net alone, for a net that has a file of its own. Of
    a net that was `drawn` from a posterior the bits are log2 of the ratio of its densities, posterior to prior.
    """

    predictor: Predictor
    bits_by_part: Mapping[str, float]
    source: str
    coded_bits: int | None = None
    drawn: bool = False


def from_message(message: bytes, shared: Shared, trusted: Collection[str] = ()) -> Hypothesis:
    """The net in a message that `encode` wrote of a code that sends one: `sent`, by the code that its header names.

    `trusted` are the `package.module:name`s that the message may import; raises MdlError where it asks for another one.
    """
    return sent(code_of(unpack(message)[0], trusted), message, shared)


def sent(code: Code, message: bytes, shared: Shared) -> Hypothesis:
    """The net in a message of this code, with the bits that its decoder reads. All nets of codes come from here.

    Raises MdlError for a code that sends no net, for a net that depends on the inputs in ways no bit pays
    for, and MessageError for a message that does not decode to its labels on these inputs.
    """
    require_net(code)
    code.decode(shared, message)
    _, words = unpack(message)
    predictor, bits = _decoded(code, words, shared)
    require_equal(predictor, _decoded(code, words, other_inputs(shared))[0])
    return Hypothesis(predictor, bits, f"net decoded from a message of the code '{kind_of(code)}'")


def from_draw(code: Variational, data: Data) -> Hypothesis:
    """The net that a bits-back message holds: drawn by Alice, decoded by Bob, who gave all spare bits back.

    Raises MdlError for fixed layers that are read off the inputs, MessageError where Bob ends with other
    labels or weights.
    """
    shared = data.shared
    require_equal(code.learner.initial(shared), code.learner.initial(other_inputs(shared)))
    sender = Sender()
    said = code.transmit(sender, shared, data.labels)
    receiver = Receiver(sender.words())
    heard = code.transmit(receiver, shared, None)
    if not np.array_equal(heard.labels, data.labels) or words_checksum(receiver.rest()) != words_checksum(sender.spare):
        raise MessageError("the message of the drawn net does not decode: is something of the training random?")
    assert isinstance(said.predictor, NetPredictor)
    assert isinstance(heard.predictor, NetPredictor)
    require_equal(said.predictor, heard.predictor)
    bits = _paid(sender.codelength(shared.num_classes), shared)
    source = f"net of {len(code.learner.layout(shared)):,} weights drawn from a posterior, decoded from its message"
    return Hypothesis(heard.predictor, bits, source, drawn=True)


def from_prefix(code: Code, data: Data, seen: int) -> Hypothesis:
    """What a code learns from the first `seen` examples alone: fixed before the others, so it costs no bit.

    A bound may use the other examples only: it is the held-out bound (Langford 2005, Theorem 3.3), or one with a
    data-dependent prior, a point mass on this predictor. The code sees neither inputs nor labels of those. Settings
    that were chosen by a look at them are not fixed before them: these are paid for as a number of candidates.
    """
    first = replace(data.shared, inputs=data.shared.inputs[:seen])
    received = code.measure(Data(data.name, first, data.labels[:seen])).received
    if received.predictor is None:
        raise MdlError("this code makes no predictor, so there is nothing to bound: name another code")
    source = (
        f"held-out bound: learnt from the first {seen:,} examples, errors counted on the {len(data) - seen:,} others"
    )
    return Hypothesis(received.predictor, {}, source)


def from_net_file(file: bytes, shared: Shared, trusted: Collection[str] = ()) -> Hypothesis:
    """The net in a file that `compress` wrote, with the bits its decoder reads and the moments in its header.

    Architecture and weight code are named in the header and count as fixed before the data; `trusted` are the
    `package.module:name`s that it may import. Raises MdlError where it asks for another one and for a net
    for other inputs, and MessageError for a file that is altered or does not decode.
    """
    header, words = unpack_net(file, trusted)
    if (header.shape, header.num_classes) != (shared.shape, shared.num_classes):
        raise MdlError(f"the net is for inputs {header.shape} of {header.num_classes} classes, not for this data set")
    decoded, receiver = decode_net(file, trusted), CountingReceiver(words)
    header.weights.transmit(receiver, header.initial().net)
    bits = dict(receiver.ledger.codelength(shared.num_classes).bits_by_part)
    bits[INPUTS] = 32.0 * sum(each.numel() for each in header.moments)
    return Hypothesis(_on(decoded, shared), bits, f"'{header.arch}' decoded from a net's file", 32 * len(words))


def from_tensors(tensors: Mapping[str, torch.Tensor], arch: str, weights: WeightCode, shared: Shared) -> Hypothesis:
    """A user's weights under a weight code: written as a net's file, and decoded from that alone.

    Batch norms are folded away first. Evaluated in float32, standardised as `shared` says. Raises MdlError
    where the weights do not fit the net or have no code.
    """
    net = build(arch, shared.shape, shared.num_classes)
    load_weights(net, tensors)
    learned = NetPredictor(fold_batch_norm(net), shared, bf16=False)
    packed = pack_net(learned, arch, shared.shape, shared.num_classes, weights)
    made = from_net_file(packed, shared, names([arch, to_config(weights)]))
    bits = {part: each for part, each in made.bits_by_part.items() if part != INPUTS or shared.moment_bits}
    return replace(made, bits_by_part=bits, source=f"{made.source} under the weight code '{kind_of(weights)}'")


def _on(learned: NetPredictor, shared: Shared) -> NetPredictor:
    """The predictor on the device of the inputs."""
    learned.net.to(shared.inputs.device)
    mean, std = learned.moments
    learned.moments = mean.to(shared.inputs.device), std.to(shared.inputs.device)
    return learned


def require_net(code: Code) -> None:
    """Raises MdlError for a code that sends no net, saying what to do."""
    if not code.sends_net:
        raise MdlError(
            f"the code '{kind_of(code)}' describes labels and sends no net, so its bits bound no risk: name a code that"
            " sends one (such as 'float32'), or bound what it learns from a part on the rest with `prior` 0.5"
        )


def _decoded(code: Code, words: Words, shared: Shared) -> tuple[NetPredictor, dict[str, float]]:
    """The net, and the bits that were read for it; labels and their bits left out."""
    receiver = CountingReceiver(words)
    predictor = code.transmit(receiver, shared, None).predictor
    if not isinstance(predictor, NetPredictor):
        raise MdlError(
            "this message holds no plain net, so its errors belong to no decoded hypothesis: of few labels the shortest"
            " message of a choice may be the one without a net"
        )
    return predictor, _paid(receiver.ledger.codelength(shared.num_classes), shared)


def _paid(length: Codelength, shared: Shared) -> dict[str, float]:
    """The bits of a net by part: all but the labels', and those of the moments that it reads off the inputs."""
    bits = {part: each for part, each in length.bits_by_part.items() if part != LABELS}
    return bits | ({INPUTS: shared.moment_bits} if shared.moment_bits else {})


def other_inputs(shared: Shared) -> Shared:
    """A few made-up inputs of the same shape and type as the data, otherwise unrelated to them."""
    numbers = torch.arange(_PROBE * shared.inputs[0].numel()) * 7919 % 256
    return replace(shared, inputs=numbers.reshape(_PROBE, *shared.shape).to(shared.inputs))


def require_equal(ours: NetPredictor, other: NetPredictor) -> None:
    """Raises MdlError where a net is another one when other inputs are held, naming what they changed."""
    mine, theirs = ours.net.state_dict(), other.net.state_dict()
    for name, value in mine.items():
        if not name.endswith("num_batches_tracked") and not torch.equal(value, theirs[name]):
            raise MdlError(
                f"'{name}' of the net is read off the inputs and no bit pays for it: use a net without such layers,"
                " or a code that sends all its tensors"
            )
