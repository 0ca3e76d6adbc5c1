"""A net of few values: its live units first, then each tensor's values and where they stand."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from mdlcode.coding.channel import Channel, Ledger
from mdlcode.coding.integers import send_choice, send_float16
from mdlcode.config import STRICT
from mdlcode.errors import PrunedError
from mdlcode.learn.squeeze.folding import is_chain
from mdlcode.nets.held import is_trained
from mdlcode.typing import FloatArray
from mdlcode.weights.base import WeightCode, coded_tensors
from mdlcode.weights.exact import BUFFERS, LARGEST_HALF, send_rounded
from mdlcode.weights.hidden import hidden_layers
from mdlcode.weights.masks import Order
from mdlcode.weights.plan import Units, send_units
from mdlcode.weights.quantisers import (
    Alphabet,
    AsTrained,
    Grid,
    KMeans,
    found_grid,
    levels,
    send_alphabet,
    symbols_of,
)
from mdlcode.weights.symbols import Adaptive, Entropy, FixedWidth, Gaps, SymbolCode

HEAD = "(units)"
_FLOATS, _FEW = range(2)
_SHARED_BY = 4  # a vector is of few values where each value stands this often on average


@plain_dataclass(frozen=True)
class _Known:
    """A tensor as Alice has it: symbols of an alphabet, or plain values where there is none."""

    alphabet: Alphabet | None
    entries: NDArray[Any]  # whole symbols or floats, of the tensor's shape; zero stands for zero in both


@dataclass(frozen=True, config=STRICT)
class Quantised(WeightCode):
    """Few values for each weight tensor, an exact zero among them; all of it paid in real bits.

    `values` takes an unquantised or pruned net to few values (with "as-trained" the net holds them
    already), and `symbols` sends them. Vectors (biases, scales of norms) are not quantised: they go as
    float16, or like weights where they hold few values already. So do vectors that are not trained, such as
    the statistics of norms; other buffers and frozen parameters go as float16, or exactly where they are no real
    numbers.
    With `units` "live", dead units of a sequential net are left out and which these are is sent;
    predictions stay exactly the same. With "sorted" the live ones come in canonical order, and their number
    is all that is sent: equal up to rounding, as sums are taken in another order, and about log2(units!)
    bits shorter.

    >>> from mdlcode.coding.channel import Ledger
    >>> net = nn.Linear(30, 2, bias=False)
    >>> _ = net.weight.data.copy_((torch.arange(60).reshape(2, 30) % 15 == 0) * 0.5)
    >>> ledger = Ledger()
    >>> Quantised().transmit(ledger, net)
    >>> {part: round(bits) for part, bits in ledger.codelength(2).bits_by_part.items()}
    {'levels': 22, 'masks': 26}
    """

    kind: Literal["quantised"] = Field(default="quantised", kw_only=True)
    values: Annotated[AsTrained | Grid | KMeans, Field(discriminator="kind")] = KMeans()
    symbols: Annotated[Adaptive | Entropy | FixedWidth | Gaps, Field(discriminator="kind")] = Adaptive()
    units: Units = "live"

    def transmit(self, channel: Channel, net: nn.Module) -> None:
        """Parts: "units", "levels" (codebooks, steps, counts), "masks", "values" (floats of vectors too),
        "buffers" (all that is not trained).

        Raises PrunedError for a layer that is pruned to nothing, and for a weight beyond float16.
        """
        self._transmit(lambda name: channel, net)

    def sizes(self, net: nn.Module) -> dict[str, Mapping[str, float]]:
        """Bits by tensor, after those of "(units)", and by part within each; the net stays as it is."""
        ledgers = {name: Ledger() for name in (HEAD, *coded_tensors(net))}
        self._transmit(ledgers.__getitem__, deepcopy(net))
        return {name: ledger.codelength(2).bits_by_part for name, ledger in ledgers.items()}

    def _transmit(self, listener: Callable[[str], Channel], net: nn.Module) -> None:
        tensors, head = coded_tensors(net), listener(HEAD)
        known = {name: self._known(name, tensor, net) for name, tensor in tensors.items()} if head.sending else None
        entries = None if known is None else {name: each.entries for name, each in known.items()}
        plan = send_units(head, hidden_layers(net), entries, self.units)
        sent: dict[str, NDArray[Any]] = {}
        # Last layer first: the order of a layer's units shows in the weights that read them.
        for name, tensor in reversed(tensors.items()):
            shape, mine = plan.shape(name, _shape(tensor)), None
            if known is not None:
                mine = _Known(known[name].alphabet, plan.taken.take(name, known[name].entries).reshape(-1))
            if is_trained(tensor) or _may_be_few(tensor):
                flat = self._send(listener(name), mine, shape, plan.order(name, sent), is_trained(tensor))
            else:
                flat = _send_fixed(listener(name), mine, tensor.dtype, shape)
            sent[name] = flat.reshape(shape)
            _fill(tensor, plan.placed.put(name, sent[name], _shape(tensor)))

    def _send(
        self, channel: Channel, known: _Known | None, shape: tuple[int, ...], order: Order, trained: bool
    ) -> FloatArray:
        """The decoded values (n,) of one tensor."""
        if len(shape) == 1:
            kind = None if known is None else (_FLOATS if known.alphabet is None else _FEW)
            if send_choice(channel, kind, 2, "values") == _FLOATS:
                if not trained:
                    return _send_fixed(channel, known, torch.float32, shape)
                return send_float16(channel, None if known is None else known.entries, shape[0], "values")
        alphabet = send_alphabet(channel, None if known is None else known.alphabet, "levels")
        if alphabet.size == 1:
            return np.zeros(int(np.prod(shape)))
        symbols = None if known is None else known.entries
        symbol_code: SymbolCode = self.symbols
        return alphabet.values[symbol_code.transmit(channel, symbols, shape, alphabet, order)]

    def _known(self, name: str, tensor: Tensor, net: nn.Module) -> _Known:
        weights = _array(tensor)
        if not is_trained(tensor):
            few = _may_be_few(tensor) and bool((np.abs(weights) <= LARGEST_HALF).all())
            alphabet = _few(weights) if few else None
        else:
            alphabet = _few(weights) if weights.ndim == 1 else self.values.alphabet(weights.reshape(-1))
        if alphabet is None:
            return _Known(None, weights)
        symbols = symbols_of(weights.reshape(-1), alphabet).reshape(weights.shape)
        if weights.ndim > 1 and not symbols.any() and is_chain(net):  # elsewhere there may be a way round it
            raise PrunedError(f"layer '{name}' is pruned to nothing: prune less of it")
        return _Known(alphabet, symbols)


def _may_be_few(tensor: Tensor) -> bool:
    """Whether a tensor that is not trained may go like a vector of weights: the statistics of norms do."""
    return tensor.ndim == 1 and tensor.dtype == torch.float32


def _send_fixed(channel: Channel, known: _Known | None, dtype: torch.dtype, shape: tuple[int, ...]) -> NDArray[Any]:
    """The decoded values (n,) of another buffer or frozen parameter."""
    piece = torch.zeros(int(np.prod(shape)), dtype=dtype)
    if known is not None:
        piece.copy_(torch.from_numpy(known.entries))
    send_rounded(channel, piece, BUFFERS)
    return _array(piece)


def _few(vector: FloatArray) -> Alphabet | None:
    """The alphabet of a vector of few values; None where float16 is the better way."""
    found = found_grid(vector) or levels(vector)
    return found if found.grid or found.size * _SHARED_BY <= len(vector) else None


def _shape(tensor: Tensor) -> tuple[int, ...]:
    """That of the tensor; one number is a vector of one."""
    return tuple(tensor.shape) or (1,)


def _array(tensor: Tensor) -> NDArray[Any]:
    """The values in float64, whole numbers and complex ones as they are."""
    values = tensor.detach().cpu().contiguous().reshape(_shape(tensor))
    array: NDArray[Any] = (values.double() if values.is_floating_point() else values).numpy()
    return array


def _fill(tensor: Tensor, values: NDArray[Any]) -> None:
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(values).reshape(tensor.shape))
