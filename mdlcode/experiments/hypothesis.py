"""What a bound is about: a net decoded from bits, and every bit that was paid for it by part."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from mdlcode.channel import CountingReceiver, Sender, Words
from mdlcode.codelength import LABELS, Codelength
from mdlcode.codes.base import Code, Transmission, parse_code
from mdlcode.data.base import Data, Shared
from mdlcode.errors import MdlError
from mdlcode.learn.base import Predictor
from mdlcode.learn.net import NetPredictor
from mdlcode.message import payload_bits, unpack
from mdlcode.nets import build
from mdlcode.weights import WeightCode

INPUTS = "input moments"
_PROBE = 2  # inputs that are not the data's, to see whether the decoded net depends on the data


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A predictor, the bits of all that it was decoded from by part, and what it is in one line.

    `coded_bits` are those of the file that was decoded, whole words and without its envelope; the sum of
    `bits_by_part` is what a bound pays: -log2 of the prior probability that the code gives to this net.
    """

    predictor: Predictor
    bits_by_part: Mapping[str, float]
    source: str
    coded_bits: int | None = None


def from_message(message: bytes, shared: Shared) -> Hypothesis:
    """The net in a message that `encode` wrote of a code that sends one, with the bits its decoder reads.

    Raises MdlError for a code that sends no net, for a net that depends on the inputs in ways no bit pays
    for, and MessageError for a message that does not decode to its labels on these inputs.
    """
    header, words = unpack(message)
    code = parse_code(header.code)
    _require_net(code, str(header.code.get("kind")))
    code.decode(shared, message)
    predictor, bits = _decoded(code, words, shared)
    other = replace(shared, inputs=_other_inputs(shared))
    _require_equal(predictor, _decoded(code, words, other)[0])
    kind = str(header.code.get("kind"))
    return Hypothesis(predictor, bits, f"net decoded from a message of the code '{kind}'", payload_bits(message))


def from_code(code: Code, data: Data) -> Hypothesis:
    """The net that a code's message decodes to: encoded with the labels, decoded without them."""
    _require_net(code, str(getattr(code, "kind", "code")))
    return from_message(code.encode(data), data.shared)


def from_prefix(code: Code, data: Data, seen: int) -> Hypothesis:
    """What a code learns from the first `seen` examples alone: fixed before the others, so it costs no bit.

    The prior is data-dependent, a point mass on this predictor; a bound may use the other examples only. The
    code sees neither inputs nor labels of those.
    """
    first = replace(data.shared, inputs=data.shared.inputs[:seen])
    received = code.measure(Data(data.name, first, data.labels[:seen])).received
    if received.predictor is None:
        raise MdlError("this code makes no predictor, so there is nothing to bound: name another code")
    return Hypothesis(received.predictor, {}, f"learnt from the first {seen:,} examples, bounded on the others")


def from_state(state: Mapping[str, torch.Tensor], arch: str, weights: WeightCode, shared: Shared) -> Hypothesis:
    """A user's weights under a weight code: written, and decoded from the words alone into a new net.

    It is evaluated in float32. Raises MdlError where the weights do not fit the net or have no code.
    """
    sender = Sender()
    weights.transmit(sender, filled(build(arch, shared.shape, shared.num_classes), state))
    receiver, net = CountingReceiver(sender.words()), build(arch, shared.shape, shared.num_classes)
    weights.transmit(receiver, net)
    kind = str(getattr(weights, "kind", "own"))
    return Hypothesis(
        NetPredictor(net.to(shared.inputs.device), shared, bf16=False),
        _paid(receiver.ledger.codelength(shared.num_classes), shared),
        f"'{arch}' decoded from a file of its own under the weight code '{kind}'",
        32 * len(sender.words()),
    )


def from_transmission(code: Code, data: Data, sent: Transmission) -> Hypothesis | None:
    """The net at the end of a measured run, with the bits of its model part; None where the code sends none."""
    if not code.sends_net or sent.received.predictor is None:
        return None
    return Hypothesis(sent.received.predictor, _paid(sent.codelength, data.shared), "net of a measured code")


def filled(net: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """The net with a state's tensors, by name, or by their order where names differ and all shapes fit.

    Raises MdlError where neither fits.

    >>> net = filled(torch.nn.Linear(2, 1, bias=False), {"fc.weight": torch.ones(1, 2)})
    >>> net.weight.tolist()
    [[1.0, 1.0]]
    """
    own = {name: value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    given = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    if own.keys() != given.keys():
        if [tuple(value.shape) for value in own.values()] != [tuple(value.shape) for value in given.values()]:
            raise MdlError(f"the weights ({_shapes(given)}) do not fit the net ({_shapes(own)}): name its --arch")
        given = dict(zip(own, given.values(), strict=True))
    with torch.no_grad():
        for name, value in own.items():
            if value.shape != given[name].shape:
                raise MdlError(f"'{name}' of the weights is {tuple(given[name].shape)}, the net's {tuple(value.shape)}")
            value.copy_(given[name])
    return net


def _shapes(state: Mapping[str, torch.Tensor]) -> str:
    shown = [f"{name} {'x'.join(map(str, value.shape))}" for name, value in state.items()]
    return ", ".join(shown[:4] + ["..."] * (len(shown) > 4))


def _require_net(code: Code, kind: str) -> None:
    if not code.sends_net:
        raise MdlError(
            f"the code '{kind}' describes labels and sends no net, so its bits bound no risk: name a code that"
            " sends one (such as 'float32'), or bound what it learns from a part on the rest with --prior 0.5"
        )


def _decoded(code: Code, words: Words, shared: Shared) -> tuple[NetPredictor, dict[str, float]]:
    """The net, and the bits that were read for it; labels and their bits left out."""
    receiver = CountingReceiver(words)
    predictor = code.transmit(receiver, shared, None).predictor
    if not isinstance(predictor, NetPredictor):
        raise MdlError("this code's message holds no plain net, so its errors belong to no decoded hypothesis")
    return predictor, _paid(receiver.ledger.codelength(shared.num_classes), shared)


def _paid(length: Codelength, shared: Shared) -> dict[str, float]:
    """The bits of a net by part: all but the labels', and those of the moments that it reads off the inputs."""
    bits = {part: each for part, each in length.bits_by_part.items() if part != LABELS}
    return bits | ({INPUTS: shared.moment_bits} if shared.moment_bits else {})


def _other_inputs(shared: Shared) -> torch.Tensor:
    """Inputs of the same shape and type that have nothing of the data but that."""
    numbers = torch.arange(_PROBE * shared.inputs[0].numel()) * 7919 % 256
    return numbers.reshape(_PROBE, *shared.shape).to(shared.inputs)


def _require_equal(ours: NetPredictor, other: NetPredictor) -> None:
    """Raises MdlError where the decoded net is another one when other inputs are held."""
    mine, theirs = ours.net.state_dict(), other.net.state_dict()
    for name, value in mine.items():
        if not name.endswith("num_batches_tracked") and not torch.equal(value, theirs[name]):
            raise MdlError(
                f"'{name}' of the net is read off the inputs and no bit pays for it: use a net without such layers,"
                " or a code that sends all its tensors"
            )
