"""Description lengths of labels given inputs, with deep models: codes, messages that decode, bounds.

The names below are imported when they are first used, so that `mdlcode --help` starts without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdlcode.codelength import Codelength
    from mdlcode.codes import BestOf, Code, Compressed, Prequential, Subspace, TwoPart, Uniform, Variational
    from mdlcode.codes.presets import preset
    from mdlcode.data import Data, Shared, View, from_arrays, from_dataset, load
    from mdlcode.errors import MdlError, MessageError, TrainingError
    from mdlcode.experiments.compare import compare
    from mdlcode.learn import EstimatorLearner, Learner, NetLearner, Predictor, Steps
    from mdlcode.proof.checks import audit, check_code
    from mdlcode.proof.proof import Proof, prove

_HOMES = {
    "mdlcode.codelength": ("Codelength",),
    "mdlcode.codes": ("BestOf", "Code", "Compressed", "Prequential", "Subspace", "TwoPart", "Uniform", "Variational"),
    "mdlcode.proof.checks": ("audit", "check_code"),
    "mdlcode.proof.proof": ("Proof", "prove"),
    "mdlcode.codes.presets": ("preset",),
    "mdlcode.data": ("Data", "Shared", "View", "from_arrays", "from_dataset", "load"),
    "mdlcode.errors": ("MdlError", "MessageError", "TrainingError"),
    "mdlcode.experiments": ("compare",),
    "mdlcode.learn": ("EstimatorLearner", "Learner", "NetLearner", "Predictor", "Steps"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BestOf",
    "Code",
    "Codelength",
    "Compressed",
    "Data",
    "EstimatorLearner",
    "Learner",
    "MdlError",
    "MessageError",
    "NetLearner",
    "Predictor",
    "Prequential",
    "Proof",
    "Shared",
    "Steps",
    "Subspace",
    "TrainingError",
    "TwoPart",
    "Uniform",
    "Variational",
    "View",
    "audit",
    "check_code",
    "compare",
    "from_arrays",
    "from_dataset",
    "load",
    "preset",
    "prove",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'mdlcode' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)
