"""How far a model is from a target, as laws over the same classes.

    SPACE = {"order": {"low": -1.0, "high": 2.0, "default": 0.5}}
    def divergence(p_logits, q_logits, *, order):     # (..., c), (..., c), broadcastable to (...) -> (...)

`p` is the target or teacher, `q` the model or student. A KL(p to q) has its expectation under p; an
f-divergence is E_q[f(u)] with u = p/q. Values are nats or pure numbers, one for each leading index.

- Logits are raw scores: adding a constant to all classes changes nothing. Everything is computed from
  log-probabilities; values and gradients are finite for logits as large as +-1e4, in float32 and in float64.
- D >= 0, and D = 0 iff p = q. Unless its docstring says otherwise, merging two classes never increases D.
- A hyperparameter is a number, or a tensor of the logits' dtype and device that broadcasts to the leading
  axes: (k, 1) against (k, n, c) gives each row of a population its own. No gradient is asked of it.
"""
