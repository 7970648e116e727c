"""Gaussian processes over a space: one an output, as a mixture of rows that differ in kernel and hyperparameters.

Rows (`_fit`) count by the weights with which they predict each value best from the others (stacking: Yao et al. 2018),
by the closed form of the leave-one-out prediction (Rasmussen and Williams 2006, section 5.4.2), which is kept as a
diagnostic too. A logarithm counts only where it predicts better beyond doubt, by the standard error of the difference
(Vehtari, Gelman and Gabry 2017): without that, a few trials would often seem to ask for it. Everything is one batch in
float64.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from search.propose._kernel import Blocks, correlation
from search.propose._mode import JITTER, Hyper, Priors, split

PART = 64  # rows of a covariance at a time
SURE = 2.0  # standard errors by which a logarithm must predict better
VAGUE = 1e6  # times its variance: what is not known of a value


@dataclass(frozen=True, kw_only=True)
class Process:
    """Of ``values`` (outputs, n) at ``seen`` (n, f), as rows (b,).

    ``raw`` (b, f + d + 3): hyperparameters, a row for a kernel of the output ``owner`` (b,), the first ``smooth`` of
    them Gaussian; ``targets`` (b, n): the values of each row, or where ``offset`` (b,) is not 0 the logarithms of the
    values and it, standardised by ``shift`` and ``unit`` (b,); ``extra`` (b, n): what is known of each target's
    variance; ``given`` (b,): the rows' weights, which sum to one for each output, or None for those that predict best.
    """

    blocks: Blocks
    seen: Tensor
    values: Tensor
    targets: Tensor
    offset: Tensor
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

    @property
    def logs(self) -> Tensor:
        """(b,): which rows are of logarithms."""
        return self.offset > 0

    @cached_property
    def diagonal(self) -> Tensor:
        """(b, n): the variance of each value's noise."""
        noise = (self.hyper.noise + JITTER)[:, None].expand(-1, len(self.seen))
        return noise if self.extra is None else noise + self.extra

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
        """What each value is expected to be from all others: mean and deviation (b, n), standardised."""
        inverse = torch.cholesky_inverse(self.root).diagonal(dim1=1, dim2=2)
        return self.targets - self.weighted / inverse, inverse.rsqrt()

    @property
    def predicted_left_out(self) -> tuple[Tensor, Tensor]:
        """The same of the mixture of rows: mean and deviation (outputs, n) of the values."""
        mean, deviation = self.left_out
        return self.mixed(mean, deviation.square())

    @cached_property
    def weights(self) -> Tensor:
        """(b,): how far each row is trusted among those of its output."""
        if self.given is not None:
            return self.given
        mean, deviation = self.left_out
        score = -0.5 * ((self.targets - mean) / deviation).square() - (deviation * self.unit[:, None]).log()
        # the density of a value, not of its logarithm
        score = score - torch.where(self.logs[:, None], self.targets * self.unit[:, None] + self.shift[:, None], 0.0)
        if self.extra is not None:
            score = score * (self.extra < VAGUE / 2)
        score[~self._admitted(score)] = -torch.inf
        best = torch.stack([score[self.owner == output].amax(dim=0) for output in range(len(self.values))])
        likely = (score - best[self.owner]).exp()
        weights = self.shares(torch.ones(len(self.owner), dtype=torch.float64))
        for _ in range(50):  # expectation maximisation of the logarithmic score
            weights = self.shares(weights[:, None] * likely).mean(dim=1)
        return weights

    def _admitted(self, score: Tensor) -> Tensor:
        """Logarithmic scores (b, n) -> (b,): all rows but logarithms that may predict no better than the values do."""
        admitted, total = torch.ones(len(score), dtype=torch.bool), score.sum(dim=1)
        for output in set(self.owner[self.logs].tolist()):
            log, plain = (self.owner == output) & self.logs, (self.owner == output) & ~self.logs
            better = score[log][total[log].argmax()] - score[plain][total[plain].argmax()]
            admitted[log] = better.sum() > SURE * better.std() * len(better) ** 0.5
        return admitted

    def shares(self, parts: Tensor) -> Tensor:
        """Parts (b, ...) as shares of the whole of their output."""
        return parts / self.over(parts)[self.owner]

    def over(self, parts: Tensor) -> Tensor:
        """Parts (b, ...), summed over the rows of each output (outputs, ...)."""
        return torch.zeros(len(self.values), *parts.shape[1:], dtype=torch.float64).index_add_(0, self.owner, parts)

    def real(self, found: Tensor, row: slice | int = slice(None)) -> Tensor:
        """What is standardised, of all rows (b, c) or of one (c, ...), as values."""
        shift, unit, offset, logs = (each[row, None] for each in (self.shift, self.unit, self.offset, self.logs))
        found = found * unit + shift
        # nothing that is no logarithm has its exponential taken: an infinite one has no slope
        return torch.where(logs, torch.where(logs, found, 0.0).exp() - offset, found)

    def mixed(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised means and variances of the rows (b, c) -> mean and deviation of each output's mixture (outputs,
        c), where a logarithm counts by its median and its slope there."""
        own, middle = self.real(mean), self.expected(mean)
        slope = self.unit[:, None] * torch.where(self.logs[:, None], own + self.offset[:, None], 1.0)
        wide = variance * slope.square()
        return middle, self.over(self.weights[:, None] * (wide + (own - middle[self.owner]).square())).sqrt()

    def expected(self, mean: Tensor) -> Tensor:
        """Standardised means of the rows (b, c) -> the mean of each output's mixture (outputs, c)."""
        return self.over(self.weights[:, None] * self.real(mean))

    def means(self, near: Tensor) -> Tensor:
        """Covariances with what was seen (b, c, n) -> what each row expects (b, c), standardised."""
        return self.hyper.mean[:, None] + (near @ self.weighted.unsqueeze(2))[..., 0]

    def covariance(self, left: Tensor, right: Tensor) -> Tensor:
        """(n, f), (k, f) -> (b, n, k)."""
        length, share, _, _, scale = self.hyper
        return scale[:, None, None] * correlation(self.blocks, length, share, left, right, smooth=self.smooth)

    def mean_at(self, points: Tensor) -> Tensor:
        """(c, f) -> the expected values (c, outputs)."""
        return self.expected(self.means(self.covariance(points, self.seen))).T

    def predict(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(c, f) -> mean and deviation (c, outputs) of the truth there, without noise."""
        near = self.covariance(points, self.seen)
        told = torch.linalg.solve_triangular(self.root, near.transpose(1, 2), upper=False).square().sum(dim=1)
        variance = (self.hyper.scale[:, None] - told).clamp_min(0.0)
        middle, spread = self.mixed(self.means(near), variance)
        return middle.T, spread.T

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
        """With values at ``points`` (c, f) that are as each row expects them: only variances are lower."""
        with torch.no_grad():
            mean = self.means(self.covariance(points, self.seen))
            values = torch.cat([self.values, self.expected(mean)], dim=1)
        return replace(
            self, seen=torch.cat([self.seen, points]), values=values, targets=torch.cat([self.targets, mean], dim=1),
            extra=None if self.extra is None else torch.cat([self.extra, torch.zeros_like(mean)], dim=1),
            given=self.weights,
        )  # fmt: skip

    def at(self, some: Tensor) -> "Process":
        """Of some of the points only."""
        return replace(
            self, seen=self.seen[some], values=self.values[:, some], targets=self.targets[:, some],
            extra=None if self.extra is None else self.extra[:, some],
        )  # fmt: skip

    def of_first(self, outputs: int) -> "Process":
        """Of the first outputs only."""
        rows = torch.nonzero(self.owner < outputs)[:, 0]
        return replace(self.of_rows(rows), values=self.values[:outputs], given=self.weights[rows])

    def of_rows(self, rows: Tensor) -> "Process":
        """Of some rows, Gaussian ones first."""
        return replace(
            self, targets=self.targets[rows], offset=self.offset[rows], shift=self.shift[rows], unit=self.unit[rows],
            extra=None if self.extra is None else self.extra[rows], raw=self.raw[rows], owner=self.owner[rows],
            smooth=int((rows < self.smooth).sum()),
        )  # fmt: skip
