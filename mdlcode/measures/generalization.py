"""All generalization measures by name."""

from mdlcode.measures.base import Measure
from mdlcode.measures.coded import CompressedLength, Dimension90, SubspaceLength, VariationalLength
from mdlcode.measures.curvature import EffectiveDimension
from mdlcode.measures.lengths import PrequentialErrors, PrequentialLength, TailLength, TwoPartBound, TwoPartLength
from mdlcode.measures.margins import PLACES, STATISTICS, Margin
from mdlcode.measures.norms import Kind, Norm
from mdlcode.measures.output import CrossEntropy, Disagreement, InverseMargin, NegativeEntropy
from mdlcode.measures.perturbation import Perturbation
from mdlcode.measures.prunability import Prunability
from mdlcode.measures.sharpness import Sharpness
from mdlcode.measures.speed import FirstEpoch, GradientNoise, StepsToLoss, SumOfLosses

_NORMS: tuple[Kind, ...] = (
    "sum-of-frobenius",
    "product-of-frobenius",
    "sum-of-spectral",
    "product-of-spectral",
    "path",
)

MEASURES: dict[str, Measure] = {
    "prunability": Prunability(),
    "prunability-random": Prunability("random"),
    "prunability-absolute": Prunability(tolerance_nats=0.1),
    "prunability-first-failure": Prunability(first_failure=True),
    "perturbation-magnitude": Perturbation(),
    "perturbation-magnitude-accuracy": Perturbation(criterion="accuracy"),
    "perturbation": Perturbation(magnitude_aware=False),
    "sharpness": Sharpness(),
    "sharpness-magnitude": Sharpness(magnitude_aware=True),
    **{kind: Norm(kind) for kind in (*_NORMS, "distance", "parameters")},
    **{f"{kind}-over-margin": Norm(kind, over_margin=True) for kind in _NORMS},
    **{f"{kind}-pruned": Norm(kind, on_pruned=True) for kind in (*_NORMS, "distance", "parameters")},
    **{f"margin-{place}-{name}": Margin(place, name) for place in PLACES for name in STATISTICS},
    "effective-dimension": EffectiveDimension(),
    "effective-dimension-hessian": EffectiveDimension("hessian"),
    "sotl": SumOfLosses(),
    "first-epoch": FirstEpoch(),
    "steps-to-loss": StepsToLoss(),
    "gradient-noise": GradientNoise(),
    "cross-entropy": CrossEntropy(),
    "negative-entropy": NegativeEntropy(),
    "inverse-margin": InverseMargin(),
    "disagreement": Disagreement(),
    "two-part-bits": TwoPartLength(),
    "two-part-bound": TwoPartBound(),
    "prequential-bits": PrequentialLength(),
    "prequential-errors": PrequentialErrors(),
    "prequential-tail-bits": TailLength(),
    "compressed-bits": CompressedLength(),
    "subspace-bits": SubspaceLength(),
    "variational-bits": VariationalLength(),
    "d-int90": Dimension90(),
}
