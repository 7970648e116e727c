# NOTE TO WHOEVER EDITS THIS FILE (remove it): time is short. Freeze the research now; by 01:05 this file must be clean, typed,
# documented production code without switches (DESIGN, POOL... as constants is fine; CAP/WARP/HINGE/SIGNED/tick/T out),
# its tests in tests/search/propose green, and your report sent. If the pathwise gain was measured to be at least as good as
# qLogNEHVI and faster, keep it and say the numbers in the report; otherwise use BoTorch's qLogNEHVI. Speed matters: q=8 at n=60 < 1.5 s CPU.
"""Noisy expected hypervolume improvement. prototype"""
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from search.pareto import dominance
from search.propose import generator, observed, pending, points, sobol
from search.propose._draws import draw
from search.propose._gain import Gain
from search.space import Choice, Float, Integer, Params, Simplex, Space
from search.trial import Trial, losses, violations

SPACE = {
    "start": {"low": 0, "high": 1000, "integer": True, "default": 0},
    "draws": {"low": 8, "high": 512, "integer": True, "default": 64},
}
DESIGN = 0
POOL = 512
LOCAL = 256
STARTS = 6
STEPS = 25
ROUNDS = 2
GRAD = True
CAP = None
WARP = False
SIGNED = True
HINGE = False
import time
T = {}
def tick(name, t0):
    T[name] = T.get(name, 0) + time.process_time() - t0

def propose(space, trials, q, *, seed, reference, start=0, draws=64):
    known = observed(trials)
    design = DESIGN or start or min(max(6, space.width + 2), 20)
    if len(points(trials)) < design or len(known) < 2:
        return sobol.propose(space, trials, q, seed=seed, reference=reference)
    rng = generator(seed, trials)
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(int(rng.integers(2**62)))
        return search(space, known, pending(trials), q, rng, reference, draws)

from contextlib import contextmanager
@contextmanager
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

def tensor(space, params):
    return torch.as_tensor(np.array([space.features(p) for p in params]), dtype=torch.float64)

def search(space, known, waiting, q, rng, reference, draws):
    m = len(reference)
    Y, V = losses(known), violations(known)
    feasible = (V <= 0).all(axis=1)
    base = Y[feasible] if feasible.any() else Y
    front = base[dominance.is_nondominated(base)]
    r = np.asarray(reference, float)
    low, nadir = front.min(0), front.max(0)
    span = np.maximum(nadir - low, 1e-9)
    inside = bool((front < r).all(axis=1).any())
    if not inside and not SIGNED:
        r, inside = np.maximum(r, nadir + 0.1 * span), True
    if CAP is not None:
        r = np.minimum(r, nadir + CAP * np.maximum(span, 1e-3*np.abs(nadir)))
        r = np.where(len(front) > 1, r, reference)
    scale = np.maximum(r - low, 1e-9) if inside else np.maximum(Y.std(0), 1e-9)
    X = tensor(space, [t.params for t in known])
    t0 = time.process_time()
    Z = torch.as_tensor(Y)
    inverse = lambda y: y
    if WARP:
        med = np.median(Y, 0); s = np.maximum(med - Y.min(0), 1e-9)
        med, s = torch.as_tensor(med), torch.as_tensor(s)
        z = (Z - med) / s
        Z = torch.where(z > 0, torch.log1p(z.clamp_min(0)), z)
        inverse = lambda y: torch.where(y > 0, torch.expm1(y.clamp(0, 30)), y) * s + med
    elif HINGE:
        knee = np.maximum(r, np.median(Y, 0)) if HINGE == 1 else np.maximum(r, np.quantile(Y, .75, axis=0) + 1.5 * (np.quantile(Y, .75, axis=0) - np.quantile(Y, .25, axis=0)))
        rr, ss = torch.as_tensor(knee), torch.as_tensor(np.maximum(knee - Y.min(0), 1e-9))
        over = (Z - rr) / ss
        Z = torch.where(over > 0, rr + ss * torch.log1p(over.clamp_min(0)), Z)
    if V.shape[1]:
        c = np.median(np.abs(V), axis=0) + 1e-12
        Vt = torch.as_tensor(V / c)
        Vt = torch.sign(Vt) * torch.log1p(Vt.abs())
        Z = torch.cat([Z, Vt], dim=1)
    paths = draw(X, Z, draws)
    tick('fit', t0); t0 = time.process_time()
    gain = Gain(paths, m, draws, torch.as_tensor(r), torch.as_tensor(scale), V.shape[1], inverse, inside)
    gain.tell(X)
    if waiting:
        gain.tell(tensor(space, [t.params for t in waiting]))
    tick('gain', t0); t0 = time.process_time()
    mask = dominance.is_nondominated(Y) & feasible if feasible.any() else dominance.is_nondominated(Y)
    if feasible.any():
        mask = np.zeros(len(Y), bool); mask[np.flatnonzero(feasible)[dominance.is_nondominated(base)]] = True
    elite = [t.params for t, f in zip(known, mask) if f]
    pool = [space.decode(u) for u in sobol.cube(space.width, POOL, seed=int(rng.integers(2**32)))]
    pool += [space.mutate(elite[i % len(elite)], rng, scale=(0.02, 0.05, 0.1, 0.3)[(i // len(elite)) % 4]) for i in range(LOCAL)]
    PX = tensor(space, pool)
    tick('pool', t0); t0 = time.process_time()
    with torch.no_grad():
        length, ok = gain.lengths(PX)
    tick('poolpaths', t0)
    found = []
    for _ in range(q):
        t0 = time.process_time()
        with torch.no_grad():
            value = gain.of(length, ok)
        best = torch.argsort(value, descending=True, stable=True)[:STARTS].tolist()
        tick('poolgain', t0); t0 = time.process_time()
        starts = [pool[i] for i in best]
        cand = climb(space, starts, gain) if GRAD else starts
        tick('climb', t0); t0 = time.process_time()
        for k in range(ROUNDS):
            more = [space.mutate(cand[i % 2], rng, scale=(0.1, 0.03, 0.01)[i % 3]) for i in range(32)]
            allc = cand + more
            with torch.no_grad():
                v = gain(tensor(space, allc))
            o = torch.argsort(v, descending=True, stable=True)[:STARTS].tolist()
            cand = [allc[i] for i in o]
        tick('rounds', t0)
        found.append(cand[0])
        gain.tell(tensor(space, cand[:1]))
    return found

def climb(space, starts, gain):
    U0 = np.array([space.encode(p) for p in starts])
    base = tensor(space, starts)
    free = np.zeros_like(U0)
    for i, p in enumerate(starts):
        act = space.active(p)
        for d in space.dimensions:
            if d.name in act and isinstance(d, Float | Simplex):
                free[i, space.columns[d.name]] = 1
    if not free.any():
        return starts
    freeT = torch.as_tensor(free)
    def embed(U):
        parts, col = [], 0
        for d in space.dimensions:
            u = U[:, space.columns[d.name]]
            if isinstance(d, Choice):
                w = len(d.options); parts.append(base[:, col:col+w])
            elif isinstance(d, Simplex):
                w = len(d.names); rest = torch.ones(len(U), dtype=torch.float64); ws = []
                for k in range(d.width):
                    left = rest * u[:, k].clamp_min(1e-12) ** (1.0 / (d.width - k)); ws.append(rest - left); rest = left
                comp = torch.stack([*ws, rest], 1)
                parts.append(torch.where(freeT[:, space.columns[d.name]][:, :1] > 0, comp, base[:, col:col+w]))
            else:
                w = 1
                parts.append(torch.where(freeT[:, space.columns[d.name]] > 0, u, base[:, col:col+1]))
            col += w
        return torch.cat(parts, 1)
    def f(flat):
        U = torch.tensor(flat.reshape(U0.shape), requires_grad=True)
        v = -gain(embed(U)).sum()
        g, = torch.autograd.grad(v, U)
        return v.item(), (g.numpy() * free).ravel()
    res = minimize(f, U0.ravel(), jac=True, method='L-BFGS-B', bounds=[(0, 1)] * U0.size, options={'maxiter': STEPS})
    U = res.x.reshape(U0.shape)
    cands = [space.decode(u) for u in U] + starts
    with torch.no_grad():
        v = gain(tensor(space, cands))
    o = torch.argsort(v, descending=True, stable=True)[:len(starts)].tolist()
    return [cands[i] for i in o]
