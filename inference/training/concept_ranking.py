"""Teaching concepts: cells that have one shall score above cells that lack it."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def misranked(scores: Tensor, told: Tensor) -> Tensor:
    """Return how far pairs of cells are ranked the wrong way round, the mean over concepts and pairs.

    Of a pair it is log(1 + exp(score that lacks - score that has)), RankNet's loss (Burges et al., ICML 2005), which is
    small where the area under the curve is large.

    Parameters
    ----------
    scores
        `(n, k)` of cells for concepts.
    told
        `(n, k)` 1 where a cell has the concept, 0 where it lacks it, NaN where nobody says.

    Returns
    -------
    Tensor
        0 where no concept has cells of both kinds.
    """
    losses = [
        softplus(of[None, here == 0.0] - of[here == 1.0, None]).mean()
        for of, here in zip(scores.T, told.T, strict=True)
        if bool((here == 1.0).any()) and bool((here == 0.0).any())
    ]
    return sum(losses, scores.new_zeros(())) / max(len(losses), 1)
