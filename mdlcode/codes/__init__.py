"""The codes, each beside its definition in the literature."""

from mdlcode.codes.base import AnyCode, Code, PreparedCode, Received, Transmission, decode
from mdlcode.codes.best_of import BestOf
from mdlcode.codes.calibration import Identity, Temperature
from mdlcode.codes.choice import hold_shortest
from mdlcode.codes.compressed import Compressed
from mdlcode.codes.forecast import Forecaster
from mdlcode.codes.frequencies import Frequencies
from mdlcode.codes.linear import Linear
from mdlcode.codes.mixture import Bayes, FixedShare, Switch
from mdlcode.codes.on_features import OnFeatures
from mdlcode.codes.online import Buffer, Draws, Online, Streams
from mdlcode.codes.prequential import Prequential
from mdlcode.codes.schedule import Geometric, Listed, Portions
from mdlcode.codes.subspace import Subspace
from mdlcode.codes.two_part import TwoPart
from mdlcode.codes.uniform import Uniform
from mdlcode.codes.variational import Variational

__all__ = [
    "AnyCode",
    "Bayes",
    "BestOf",
    "Buffer",
    "Code",
    "Compressed",
    "Draws",
    "FixedShare",
    "Forecaster",
    "Frequencies",
    "Geometric",
    "Identity",
    "Linear",
    "Listed",
    "OnFeatures",
    "Online",
    "Portions",
    "PreparedCode",
    "Prequential",
    "Received",
    "Streams",
    "Subspace",
    "Switch",
    "Temperature",
    "Transmission",
    "TwoPart",
    "Uniform",
    "Variational",
    "decode",
    "hold_shortest",
]
