"""Alice's inference, which Bob repeats: a posterior, fitted again as weights become known."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mdlcode.bayes.posterior import MeanField
from mdlcode.bayes.refinement import Refinement
from mdlcode.typing import FloatArray

Refit = Callable[[MeanField, Refinement, FloatArray], MeanField]


@dataclass(frozen=True, eq=False)
class Inference:
    """The posterior of the weights that are not known yet. Its entries for known weights are not to be used."""

    posterior: MeanField
    refit: Refit

    def refined(self, how: Refinement, known: FloatArray) -> "Inference":
        """The rest fitted anew; `known` (P,) holds the weights drawn so far, NaN elsewhere."""
        return replace(self, posterior=self.refit(self.posterior, how, known))
