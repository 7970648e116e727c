"""The expected gain of a point over functions drawn from a posterior: noisy expected hypervolume improvement.

The hypervolume of a front Y below a reference r is a mean over directions u, uniform on the positive unit sphere
(Shang et al. 2018; Deng and Zhang 2019; Golovin and Zhang 2020):

    c E_u [max over y in Y of length(y, u)_+ ^ m],    length(y, u) = min over j of (r_j - y_j) / u_j

So the gain of a point is the mean, over draws and directions, of what it adds to the longest ray. Every draw has its
own losses at the observed points and so its own front, which integrates over what noise leaves open (Daulton, Balandat
and Bakshy 2021), and a pending point is one more maximum. No boxes are decomposed: the cost is linear in everything, at
any number of objectives. The maximum is softened and the mean is a logarithm, for its slope (Ament et al. 2023).

While nothing feasible dominates the reference there is no hypervolume to gain. Then there is one direction, in which a
ray may be negative, and what is gained is nearness to the reference, in the farthest loss and a little in all of
them (the augmented Chebyshev distance of Knowles 2006).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import softplus

from search.propose import sobol

Draws = Callable[[Tensor], Tensor]  # features (c, f) -> values (draws, c, outputs)

DIRECTIONS = (32, 16)  # a draw: at least, and for each objective beyond the first, as a front has more directions
SOFT = 1e-3  # of a ray, where 1 is from the ideal to the reference
AUGMENT = 0.1
CLOSE = 1e-3  # to a limit, of a violation's usual size


@dataclass(frozen=True, kw_only=True)
class Gain:
    """``draws``: features (c, f) -> (s, c, m + limits), losses and then violations; ``reference``, ``unit`` (m,)."""

    draws: Draws
    reference: Tensor
    unit: Tensor
    directions: Tensor  # (s, 1, l, m)
    longest: Tensor  # (s, 1, l): the ray so far
    inside: bool  # some feasible point dominates the reference

    @classmethod
    def over(
        cls, draws: Draws, count: int, *, reference: Tensor, unit: Tensor, weights: Tensor, inside: bool, seed: int
    ) -> Gain:
        """Nothing is known yet. ``weights`` (m,): directions lead that much more along each loss than uniform ones."""
        m = len(reference)
        directions, start = torch.ones(count, 1, 1, m, dtype=torch.float64), -torch.inf
        if inside:
            several = max(DIRECTIONS[0], DIRECTIONS[1] * (m - 1))
            uniform = torch.from_numpy(sobol.cube(m, count * several, seed=seed)).clamp(1e-12, 1.0 - 1e-12)
            normal = torch.special.ndtri(uniform).abs().clamp_min(1e-9) * weights
            directions, start = (normal / normal.norm(dim=1, keepdim=True)).reshape(count, 1, several, m), 0.0
        longest = torch.full(directions.shape[:-1], start, dtype=torch.float64)
        return cls(draws=draws, reference=reference, unit=unit, directions=directions, longest=longest, inside=inside)

    def rays(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(c, f) -> lengths (s, c, l), and whether a point keeps its limits (s, c): 1, 0, or between next to them."""
        return self._rays(self.draws(features))

    def _rays(self, values: Tensor) -> tuple[Tensor, Tensor]:
        m = len(self.reference)
        feasible = torch.sigmoid(-values[..., m:] / CLOSE).prod(dim=2)
        return self._lengths(values[..., :m]), feasible

    def _lengths(self, losses: Tensor) -> Tensor:
        """(s, c, m), or (1, c, m) of losses that are known -> (s, c, l)."""
        room = ((self.reference - losses) / self.unit).unsqueeze(2)
        length = room[..., 0] / self.directions[..., 0]
        for objective in range(1, len(self.reference)):  # in a loop: the (s, c, l, m) array is never made
            length = torch.minimum(length, room[..., objective] / self.directions[..., objective])
        return length if self.inside else length + AUGMENT * room.mean(dim=3)

    def after(self, features: Tensor) -> Gain:
        """What can be gained when ``features`` (c, f) are known or on their way."""
        with torch.no_grad():
            return self.extended(*self.rays(features))

    def told(self, values: Tensor) -> Gain:
        """What can be gained when a draw has ``values`` (s, c, m + limits) at points that are known."""
        return self.extended(*self._rays(values)) if values.shape[1] else self

    def beside(self, losses: Tensor) -> Gain:
        """What can be gained on top of models of known ``losses`` (c, m) that are no points of the space."""
        length = self._lengths(losses.unsqueeze(0))
        return self.extended(length, torch.ones(length.shape[:2], dtype=torch.float64))

    def extended(self, length: Tensor, feasible: Tensor) -> Gain:
        """The same, by the rays of those points."""
        counted = torch.where(feasible.unsqueeze(2) > 0.5, length, 0.0 if self.inside else length.min())
        return replace(self, longest=torch.maximum(self.longest, counted.amax(dim=1, keepdim=True)))

    def of(self, length: Tensor, feasible: Tensor, *, soft: bool = True) -> Tensor:
        """Rays -> the logarithm of the expected gain (c,); not ``soft``: quicker, and without a slope."""
        more = (length - self.longest) / SOFT
        longer = self.longest + SOFT * (softplus(more) if soft else more.clamp_min_(0.0))
        power = len(self.reference) if self.inside else 1
        gained = longer**power - self.longest**power
        return (gained.mean(dim=2) * feasible).mean(dim=0).clamp_min(torch.finfo(torch.float64).tiny).log()

    def __call__(self, features: Tensor) -> Tensor:
        """(c, f) -> (c,)."""
        return self.of(*self.rays(features))
