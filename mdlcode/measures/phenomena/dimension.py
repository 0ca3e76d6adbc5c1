"""Small nets against random subspaces of a large one, at an equal number of trained parameters (Li et al. 2018).

"Measuring the Intrinsic Dimension of Objective Landscapes", arXiv 1804.08838, figure 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mdlcode.codes import Compressed, Subspace
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, RateAware, Real, Squeezer, Stepped, SubspaceLearner
from mdlcode.measures.dimension import IntrinsicDimension
from mdlcode.measures.dimension_search import DimensionSearch
from mdlcode.measures.phenomena.memorise import noisy
from mdlcode.measures.phenomena.training import accuracy, held_out
from mdlcode.nets.held import is_trained


@dataclass(frozen=True)
class Sized:
    """The test accuracy that so many trained parameters reach, and the bits of a code that sends them and labels."""

    num_parameters: int
    test_accuracy: float
    total_bits: float


def small_net(learner: NetLearner, data: Data, squeezer: Squeezer | None = None) -> Sized:
    """What a net reaches that is trained in all its parameters, and the bits of code `compressed` for it.

    The code squeezes the net by `squeezer`, by default `RateAware`, at a price of 1, and sends no net where none pays.
    Raises MdlError for data without a labelled test set.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.data.view import split
    >>> from mdlcode.learn import Steps
    >>> data = split(load("digits", View(limit=400)), 300)
    >>> squeezer = RateAware(training=Steps(min_steps=200, max_steps=200))
    >>> found = small_net(NetLearner("mlp-1x4"), data, squeezer)
    >>> found.num_parameters, found.total_bits < 998
    (310, True)
    """
    inputs, labels = held_out(data)
    learned = learner.fit(data.shared, data.labels)
    squeezer = replace(squeezer or RateAware(), start=learner)
    return Sized(
        num_parameters=sum(each.numel() for each in learned.net.parameters() if is_trained(each)),
        test_accuracy=accuracy(learned, inputs, labels),
        total_bits=Compressed(squeezer, bit_prices=(1.0,)).codelength(data).total_bits,
    )


def in_subspace(learner: SubspaceLearner, data: Data) -> Sized:
    """What a large net reaches in a random subspace of `learner.dimension`, and the bits of code `subspace` for it.

    The accuracy is that of real coordinates, the bits are those of whole steps, a training of its own. Raises MdlError
    for data without a labelled test set.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.data.view import split
    >>> data = split(load("digits", View(limit=400)), 300)
    >>> in_subspace(SubspaceLearner("mlp-1x32", dimension=310), data).num_parameters
    310
    """
    inputs, labels = held_out(data)
    real = replace(learner, coordinates=Real()).fit(data.shared, data.labels)
    stepped = learner if isinstance(learner.coordinates, Stepped) else replace(learner, coordinates=Stepped())
    return Sized(
        num_parameters=learner.dimension,
        test_accuracy=accuracy(real, inputs, labels),
        total_bits=Subspace(stepped).codelength(data).total_bits,
    )


def at_equal_size(
    small: NetLearner, large: SubspaceLearner, data: Data, squeezer: Squeezer | None = None
) -> tuple[Sized, Sized]:
    """A small net, and a subspace of the large one with as many trained parameters.

    Raises MdlError where the large net has no more of them, and for data without a labelled test set.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.data.view import split
    >>> from mdlcode.learn import Steps
    >>> data = split(load("digits", View(limit=400)), 300)
    >>> squeezer = RateAware(training=Steps(min_steps=200, max_steps=200))
    >>> one, other = at_equal_size(NetLearner("mlp-1x1"), SubspaceLearner("mlp-1x32"), data, squeezer)
    >>> one.num_parameters == other.num_parameters, one.test_accuracy < other.test_accuracy
    (True, True)
    """
    direct = small_net(small, data, squeezer)
    _, most = large.dimensions(data.shared)
    if direct.num_parameters >= most:
        raise MdlError(f"the small net has {direct.num_parameters:,} parameters, the large one only {most:,}")
    return direct, in_subspace(replace(large, dimension=direct.num_parameters), data)


def dimensions_by_noise(
    search: DimensionSearch, data: Data, shares: Sequence[float] = (0.0, 1.0), seed: int = 0
) -> list[IntrinsicDimension]:
    """The intrinsic dimension of one net for each share of redrawn training labels, from accuracies on these labels.

    All have the same threshold, a share of 1, so that only the labels differ. Raises MdlError for a share outside 0 ..
    1.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.learn import AdamW, Steps
    >>> training, adam = Steps(min_steps=200, max_steps=200), AdamW(lr=5e-2, weight_decay=0.0)
    >>> learner = SubspaceLearner("mlp-1x32", training, adam, layers="joint", coordinates=Real())
    >>> search = DimensionSearch(learner, seeds=1, start=64, precision=2.0)
    >>> true, fake = dimensions_by_noise(search, load("digits", View(limit=100)))
    >>> true.dimension < fake.dimension
    True
    """
    fixed = replace(search, baseline=1.0, accuracy_on="train")
    return [fixed.run(noisy(data, share, seed)) for share in shares]
