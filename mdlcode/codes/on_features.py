"""A code of the labels given features of the inputs in place of the inputs themselves."""

from dataclasses import dataclass as plain_dataclass
from dataclasses import replace
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.codes.base import AnyCode, Code, Received, Transmission
from mdlcode.coding.channel import Channel
from mdlcode.coding.entropy_models import EntropyModel
from mdlcode.config import STRICT
from mdlcode.data.base import Data, Shared
from mdlcode.learn.base import Predictor
from mdlcode.learn.principal import Components, PrincipalComponents
from mdlcode.typing import FloatArray, IntArray


@dataclass(frozen=True, config=STRICT)
class OnFeatures(Code):
    """`code` on the principal components of features of the inputs, which both sides work out from the inputs.

    Features are a function of the inputs alone, so that they cost no bit: L(labels | inputs) = L(labels | features).
    They are computed once, and a linear net on them is a kernel machine whose weights are cheap to send.
    A bound for new inputs does not follow from such a code, since the components are read off the sample.
    """

    kind: Literal["on-features"] = Field(default="on-features", kw_only=True)
    code: AnyCode
    components: PrincipalComponents = PrincipalComponents()

    @property
    def has_parts(self) -> bool:
        """Whether that of the code is."""
        return self.code.has_parts

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Both sides compute the features, and then hold the conversation of the code on them."""
        components, seen = self._seen(shared)
        return _behind(components, self.code.transmit(channel, seen, labels))

    def measure(self, data: Data) -> Transmission:
        """As the code itself measures, on the features."""
        components, seen = self._seen(data.shared)
        found = self.code.measure(Data(data.name, seen, data.labels, order_seed=data.order_seed))
        return replace(found, received=_behind(components, found.received))

    def _seen(self, shared: Shared) -> tuple[Components, Shared]:
        """The components, and what both sides hold with them in place of the inputs."""
        components, rows = self.components.of(shared.inputs)
        return components, replace(shared, inputs=rows, standardise="none")


@plain_dataclass(frozen=True)
class _OfInputs(Predictor):
    """Predicts from the components of inputs what another predictor makes of them."""

    components: Components
    predictor: Predictor

    def predict(self, inputs: Tensor) -> FloatArray:
        """As of `Predictor`."""
        return self.predictor.predict(self.components(inputs))

    def model(self, inputs: Tensor) -> EntropyModel:
        """As of `Predictor`."""
        return self.predictor.model(self.components(inputs))


def _behind(components: Components, received: Received) -> Received:
    """The same with a predictor that takes inputs."""
    if received.predictor is None:
        return received
    return replace(received, predictor=_OfInputs(components, received.predictor))
