"""Expected hypervolume gain of a point over functions drawn from a posterior, by scalarisation.

Hypervolume of a front Y below a reference r = c E[max over y in Y of min over j of ((r_j - y_j) / l_j)_+ ^ m], l uniform on the
positive sphere, c = pi^(m/2) / (2^m Gamma(m/2 + 1)) (Shang et al. 2018; Deng & Zhang 2019; Golovin & Zhang 2020).
"""

import math
import torch
from torch import Tensor
from botorch.utils.sampling import draw_sobol_normal_samples
from search.propose._draws import Draws

TAU = 1e-3
DIRECTIONS = 32
EXACT2 = False

class Gain:
    def __init__(self, draws: Draws, m: int, count: int, reference: Tensor, scale: Tensor, limits: int = 0, inverse=lambda y: y, inside: bool = True) -> None:
        self.draws, self.m, self.reference, self.scale = draws, m, reference, scale
        self.inverse = inverse
        normal = draw_sobol_normal_samples(m, count * DIRECTIONS, dtype=torch.float64).abs().clamp_min(1e-9)
        self.directions = (normal / normal.norm(dim=-1, keepdim=True)).reshape(count, 1, DIRECTIONS, m)
        self.best = torch.full((count, 1, DIRECTIONS), 0.0, dtype=torch.float64)
        self.power, self.floor = m, 0.0
        if not inside:
            self.directions = torch.ones(count, 1, 1, m, dtype=torch.float64)
            self.best = torch.full((count, 1, 1), -1e9, dtype=torch.float64)
            self.power, self.floor = 1, -1e9

    def lengths(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(c, f) -> lengths (draws, c, directions), log-probability of feasible (draws, c)"""
        found = self.draws(features)
        room = (self.reference - self.inverse(found[..., : self.m])) / self.scale
        length = (room[..., 0].unsqueeze(-1) / self.directions[..., 0])
        for j in range(1, self.m):
            length = torch.minimum(length, room[..., j].unsqueeze(-1) / self.directions[..., j])
        ok = torch.sigmoid(-found[..., self.m :] / 1e-2).prod(dim=-1)
        return length, ok

    def tell(self, features: Tensor) -> None:
        with torch.no_grad():
            length, ok = self.lengths(features)
            length = torch.where(ok.unsqueeze(-1) > 0.5, length, self.floor).amax(dim=1, keepdim=True)
            self.best = torch.maximum(self.best, length)

    def of(self, length: Tensor, ok: Tensor) -> Tensor:
        """log gain (c,)"""
        more = torch.nn.functional.softplus((length - self.best) / TAU) * TAU
        gain = (self.best + more) ** self.power - self.best ** self.power
        return (gain.mean(dim=-1) * ok).mean(dim=0).clamp_min(1e-300).log()

    def __call__(self, features: Tensor) -> Tensor:
        return self.of(*self.lengths(features))
