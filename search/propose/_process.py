"""Gaussian processes over a space: one an output, as a mixture of rows that differ in kernel and hyperparameters.

Rows (`_fit`) count by the weights with which they predict each value best from the others (stacking: Yao et al. 2018),
by the closed form of the leave-one-out prediction (Rasmussen and Williams 2006, section 5.4.2), which is kept as a
diagnostic too. Everything is one batch in float64.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from search.propose._kernel import Blocks, correlation
from search.propose._mode import JITTER, Hyper, Priors, split

PART = 64  # rows of a covariance at a time
VAGUE = 1e6  # times its variance: what is not known of a value


@dataclass(frozen=True, kw_only=True)
class Process:
    """Of ``values`` (outputs, n), standardised by ``shift`` and ``unit`` (outputs,), at ``seen`` (n, f).

    ``raw`` (b, f + d + 3): hyperparameters, a row for a kernel of the output ``owner`` (b,), the first ``smooth`` of
    them Gaussian; ``extra`` (outputs, n): what is known of each value's variance; ``given`` (b,): the rows' weights,
    which sum to one for each output, or None for those that predict best.
    """

    blocks: Blocks
    seen: Tensor
    values: Tensor
    shift: Tensor
    unit: Tensor
    extra: Tensor | None
    priors: Priors
    raw: Tensor
    owner: Tensor
    smooth: int
    given: Tensor | None = None

    @cached_property
    def hyper(self) -> Hyper:
        return split(self.raw, self.seen.shape[1])

    @cached_property
    def targets(self) -> Tensor:
        """(b, n): the values of each row."""
        return self.values[self.owner]

    @cached_property
    def diagonal(self) -> Tensor:
        """(b, n): the variance of each value's noise."""
        noise = (self.hyper.noise + JITTER)[:, None].expand(-1, len(self.seen))
        return noise if self.extra is None else noise + self.extra[self.owner]

    @cached_property
    def root(self) -> Tensor:
        whole = torch.diag_embed(self.diagonal)
        for start in range(0, len(self.seen), PART):
            rows = slice(start, start + PART)
            whole[:, rows, : rows.stop] += self.covariance(self.seen[rows], self.seen[: rows.stop])
        root: Tensor = torch.linalg.cholesky(whole)  # reads the lower half, and no more is there
        return root

    @cached_property
    def weighted(self) -> Tensor:
        """(b, n): the inverse covariance times the values."""
        residual = self.targets - self.hyper.mean[:, None]
        return torch.cholesky_solve(residual.unsqueeze(2), self.root)[..., 0]

    @cached_property
    def left_out(self) -> tuple[Tensor, Tensor]:
        """What each value is expected to be from all others: mean and deviation (b, n)."""
        inverse = torch.cholesky_inverse(self.root).diagonal(dim1=1, dim2=2)
        return self.targets - self.weighted / inverse, inverse.rsqrt()

    @property
    def predicted_left_out(self) -> tuple[Tensor, Tensor]:
        """The same of the mixture of rows: mean and deviation (outputs, n)."""
        mean, deviation = self.left_out
        return self.mixed(mean, deviation.square())

    @cached_property
    def weights(self) -> Tensor:
        """(b,): how far each row is trusted among those of its output."""
        if self.given is not None:
            return self.given
        mean, deviation = self.left_out
        score = -0.5 * ((self.targets - mean) / deviation).square() - deviation.log()
        if self.extra is not None:
            score = score * (self.extra[self.owner] < VAGUE / 2)
        best = torch.stack([score[self.owner == output].amax(dim=0) for output in range(len(self.values))])
        likely = (score - best[self.owner]).exp()
        weights = self.shares(torch.ones(len(self.owner), dtype=torch.float64))
        for _ in range(50):  # expectation maximisation of the logarithmic score
            weights = self.shares(weights[:, None] * likely).mean(dim=1)
        return weights

    def shares(self, parts: Tensor) -> Tensor:
        """Parts (b, ...) as shares of the whole of their output."""
        return parts / self.over(parts)[self.owner]

    def over(self, parts: Tensor) -> Tensor:
        """Parts (b, ...), summed over the rows of each output (outputs, ...)."""
        return torch.zeros(len(self.values), *parts.shape[1:], dtype=torch.float64).index_add_(0, self.owner, parts)

    def mixed(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances of the rows (b, c) -> mean and deviation of each output's mixture (outputs, c)."""
        middle = self.expected(mean)
        return middle, self.over(self.weights[:, None] * (variance + (mean - middle[self.owner]).square())).sqrt()

    def expected(self, mean: Tensor) -> Tensor:
        """Means of the rows (b, c) -> the mean of each output's mixture (outputs, c)."""
        return self.over(self.weights[:, None] * mean)

    def means(self, near: Tensor) -> Tensor:
        """Covariances with what was seen (b, c, n) -> what each row expects (b, c), standardised."""
        return self.hyper.mean[:, None] + (near @ self.weighted.unsqueeze(2))[..., 0]

    def covariance(self, left: Tensor, right: Tensor) -> Tensor:
        """(n, f), (k, f) -> (b, n, k)."""
        length, share, _, _, scale = self.hyper
        return scale[:, None, None] * correlation(self.blocks, length, share, left, right, smooth=self.smooth)

    def mean_at(self, points: Tensor) -> Tensor:
        """(c, f) -> the expected values (c, outputs)."""
        return self.expected(self.means(self.covariance(points, self.seen))).T * self.unit + self.shift

    def predict(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(c, f) -> mean and deviation (c, outputs) of the truth there, without noise."""
        near = self.covariance(points, self.seen)
        told = torch.linalg.solve_triangular(self.root, near.transpose(1, 2), upper=False).square().sum(dim=1)
        variance = (self.hyper.scale[:, None] - told).clamp_min(0.0)
        middle, spread = self.mixed(self.means(near), variance)
        return middle.T * self.unit + self.shift, spread.T * self.unit

    def joint(self, points: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """(c, f), (r, f) -> covariances of the truth (b, c, r) and variances (b, c), standardised."""
        near, far = (
            torch.linalg.solve_triangular(self.root, self.covariance(some, self.seen).transpose(1, 2), upper=False)
            for some in (points, others)
        )
        told = near.transpose(1, 2) @ far
        variance = self.hyper.scale[:, None] - near.square().sum(dim=1)
        return self.covariance(points, others) - told, variance.clamp_min(0.0)

    def after(self, points: Tensor) -> "Process":
        """With values at ``points`` (c, f) that are as expected: only variances are lower."""
        with torch.no_grad():
            expected = self.expected(self.means(self.covariance(points, self.seen)))
        return replace(
            self, seen=torch.cat([self.seen, points]), values=torch.cat([self.values, expected], dim=1),
            extra=None if self.extra is None else torch.cat([self.extra, torch.zeros_like(expected)], dim=1),
            given=self.weights,
        )  # fmt: skip

    def at(self, some: Tensor) -> "Process":
        """Of some of the points only."""
        extra = None if self.extra is None else self.extra[:, some]
        return replace(self, seen=self.seen[some], values=self.values[:, some], extra=extra)

    def of_first(self, outputs: int) -> "Process":
        """Of the first outputs only."""
        rows = torch.nonzero(self.owner < outputs)[:, 0]
        return replace(
            self.of_rows(rows), values=self.values[:outputs], shift=self.shift[:outputs], unit=self.unit[:outputs],
            extra=None if self.extra is None else self.extra[:outputs], given=self.weights[rows],
        )  # fmt: skip

    def of_rows(self, rows: Tensor) -> "Process":
        """Of some rows, Gaussian ones first."""
        smooth = int((rows < self.smooth).sum())
        return replace(self, raw=self.raw[rows], owner=self.owner[rows], smooth=smooth)
