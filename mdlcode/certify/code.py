"""Certificates of what codes learn: of the nets they send, and of what they make of a part of the data."""

from mdlcode import progress
from mdlcode.bayes import BayesLearner, MeanField
from mdlcode.certify.certificate import Certificate, certify, rest
from mdlcode.certify.errors import check_function
from mdlcode.certify.hypothesis import from_draw, from_prefix, other_inputs, require_equal, require_net, sent
from mdlcode.certify.stochastic import DRAWS, certify_stochastic
from mdlcode.certify.stochastic_net import StochasticNet
from mdlcode.codes.base import Code
from mdlcode.codes.two_part import NetCode
from mdlcode.codes.variational import Variational
from mdlcode.data.base import Data
from mdlcode.errors import MdlError


def certify_code(
    code: Code, data: Data, delta: float = 0.05, candidates: int = 1, mc_draws: int = DRAWS
) -> Certificate:
    """The certificate of what the code learns from all of the data.

    Of a variational code it is that of the stochastic net under its posterior, from so many `mc_draws`; where the
    code refines its posterior as it draws, of the net that it drew. Of others it is that of the net which the
    code's message decodes to. Raises MdlError for a code that sends no net, and as
    `certify` does.
    """
    data.require_one_class_each("a bound")  # before anything is trained
    if isinstance(code, Variational) and code.refines:
        return certify(from_draw(code, data), data, delta, candidates)
    if isinstance(code, Variational):
        return certify_posterior(code.learner, data, delta, candidates, mc_draws)
    require_net(code)
    _check_untrained(code, data)
    return certify_sent(code, code.encode(data), data, delta, candidates)


def certify_sent(code: Code, message: bytes, data: Data, delta: float = 0.05, candidates: int = 1) -> Certificate:
    """The certificate of the net in a message of this code, which `encode` made of these data.

    Raises MdlError as `certify` does, for a code that sends no net and for a net that depends on the inputs in ways
    no bit pays for; MessageError for a message that does not decode.
    """
    data.require_one_class_each("a bound")
    return certify(sent(code, message, data.shared), data, delta, candidates)


def certify_posterior(
    learner: BayesLearner, data: Data, delta: float = 0.05, candidates: int = 1, mc_draws: int = DRAWS
) -> Certificate:
    """The certificate of the stochastic net that the learner infers, the weight in its `kl` above 1 for a low bound.

    A fifth of `delta`, split among the candidates, is for the draws: each of them has its own. Raises MdlError
    for a posterior without a closed KL, and for fixed layers that are read off the inputs.
    """
    progress.start("posterior", learner.steps(len(data)))
    posterior = learner.fit(data.shared, data.labels).posterior
    if not isinstance(posterior, MeanField):
        raise MdlError("only a mean-field posterior under a Gaussian prior has a KL in closed form: take that one")
    fresh = learner.initial(data.shared)
    require_equal(fresh, learner.initial(other_inputs(data.shared)))
    net = StochasticNet(fresh.net, posterior, data.shared)
    mc_delta = delta / 5
    source = f"stochastic net, {len(posterior.mean):,} Gaussian weights drawn anew for each input"
    return certify_stochastic(net, data, source, delta - mc_delta, mc_delta, candidates, mc_draws)


def certify_prefix(code: Code, data: Data, share: float, delta: float = 0.05, candidates: int = 1) -> Certificate:
    """The certificate of what any code learns from the first `share` of the data, on the rest of them.

    n counts the rest alone; no bit is paid for the predictor, as it was fixed before them. Raises MdlError
    for a share outside (0, 1).

    >>> from mdlcode.codes import Prequential
    >>> from mdlcode.data import load
    >>> from mdlcode.learn import FrequencyLearner
    >>> made = certify_prefix(Prequential((FrequencyLearner(),)), load("digits"), share=0.5)
    >>> made.n, made.total_bits, made.tightest.name
    (899, 0.0, 'exact binomial')
    """
    if not 0 < share < 1:
        raise MdlError(f"`prior` {share:g} is a share of the examples: between 0 and 1")
    data.require_one_class_each("a bound")
    seen = round(share * len(data))
    unseen = rest(data, seen)  # before anything is trained
    _check_untrained(code, data)
    return certify(from_prefix(code, data, seen), unseen, delta, candidates)


def _check_untrained(code: Code, data: Data) -> None:
    """Raises MdlError, before hours of training, for a net that no training makes a fixed function of one input.

    Nets that know nothing yet may give all inputs one prediction, so that views are looked for by themselves.
    """
    if isinstance(code, NetCode):
        predictor = code.learner.initial(data.shared)
        if predictor.views is not None and predictor.views.is_random:
            raise MdlError(
                "the net predicts from random views, and a bound needs a fixed function of one input: no `views`"
            )
        check_function(predictor, data.shared.inputs)
