"""Student's t distribution: its distribution function and quantiles, to ten digits and more.

By the regularised incomplete beta function, I_x(a, b) with a = df/2 and b = 1/2, from its continued fraction:
https://dlmf.nist.gov/8.17#v (8.17.22), evaluated from its front (Lentz's way, https://dlmf.nist.gov/3.10#iii). All of
it is done in logarithms: tails neither vanish nor overflow.
"""

from __future__ import annotations

import math
from functools import lru_cache

__all__ = ["t_cdf", "t_quantile"]

_STEPS = 100_000
_CLOSE = 1e-15
_TINY = 1e-300
_LN_PI = math.log(math.pi)


def t_cdf(t: float, df: float) -> float:
    """Return the probability that a value of Student's t distribution is at most ``t``.

    Args:
        t: Any number, infinities included.
        df: Degrees of freedom, above 0; need not be whole.

    Raises:
        ValueError: ``df`` is not above 0.

    Example:
        >>> t_cdf(0.0, 5), round(t_cdf(2.570581835636314, 5), 12)
        (0.5, 0.975)
    """
    _check_df(df)
    if math.isnan(t):
        return math.nan
    if t == 0 or math.isinf(t):
        return 0.5 if t == 0 else float(t > 0)
    u = math.log(abs(t))
    tail = math.exp(_log_tail(u, df))
    if t < 0:
        return tail
    return 1 - tail if tail < 0.25 else 0.5 + _centre(u, df)


@lru_cache(maxsize=256)
def t_quantile(p: float, df: float) -> float:
    """Return the value that Student's t distribution stays at or below with probability ``p``.

    Args:
        p: A probability between 0 and 1.
        df: Degrees of freedom, above 0; need not be whole.

    Raises:
        ValueError: ``p`` or ``df`` is out of range.

    Example:
        >>> round(t_quantile(0.975, 5), 9), t_quantile(0.5, 5)
        (2.570581836, 0.0)
    """
    _check_df(df)
    if not 0 < p < 1:
        raise ValueError(f"a probability lies between 0 and 1, not {p}")
    if p == 0.5:
        return 0.0
    size = _from_centre(abs(p - 0.5), df) if 0.25 <= p <= 0.75 else _from_tail(min(p, 1 - p), df)
    return size if p > 0.5 else -size


def _from_centre(share: float, df: float) -> float:
    """The t above 0 with that much between 0 and it: by Newton's method, from below, for the function is concave."""
    t = share / math.exp(_log_density(-math.inf, df))
    for _ in range(100):
        u = math.log(t)
        step = (share - _centre(u, df)) / math.exp(_log_density(u, df))
        t += step
        if abs(step) <= 4e-16 * t:
            break
    return t


def _from_tail(tail: float, df: float) -> float:
    """The t with that much above it: Newton's method on ln(tail) by ln(t), concave too, and a straight line far out."""
    u, wanted = 0.0, math.log(tail)
    for _ in range(200):
        log_tail = _log_tail(u, df)
        step = (wanted - log_tail) / -math.exp(u + _log_density(u, df) - log_tail)
        u += step
        if abs(step) <= 4e-16 * max(abs(u), 1.0):
            break
    try:
        return math.exp(u)
    except OverflowError:
        return math.inf


def _log_tail(u: float, df: float) -> float:
    """The logarithm of P(T > e^u)."""
    log_x, log_y = _log_parts(u, df)
    if _converges(math.exp(log_x), df / 2, 0.5):
        return _log_beta_share(log_x, log_y, df / 2, 0.5, df) - math.log(2)
    return math.log(0.5 - _centre(u, df))


def _centre(u: float, df: float) -> float:
    """P(0 < T < e^u)."""
    log_x, log_y = _log_parts(u, df)
    if _converges(math.exp(log_y), 0.5, df / 2):
        return math.exp(_log_beta_share(log_y, log_x, 0.5, df / 2, df)) / 2
    return 0.5 - math.exp(_log_beta_share(log_x, log_y, df / 2, 0.5, df)) / 2


def _log_parts(u: float, df: float) -> tuple[float, float]:
    """The logarithms of x and y of x = df / (df + t^2) and y = 1 - x, for t = e^u."""
    z = 2 * u - math.log(df)
    return -_softplus(z), -_softplus(-z)


def _softplus(z: float) -> float:
    """ln(1 + e^z)."""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def _log_density(u: float, df: float) -> float:
    """The logarithm of the density at e^u."""
    log_x = 0.0 if u == -math.inf else _log_parts(u, df)[0]
    return (df + 1) / 2 * log_x - math.log(df) / 2 - _log_beta(df / 2)


def _log_beta_share(log_x: float, log_y: float, a: float, b: float, df: float) -> float:
    """The logarithm of I_x(a, b), where one of a and b is df/2 and the other 1/2."""
    fraction = _fraction(math.exp(log_x), a, b)
    return a * log_x + b * log_y - math.log(a) - _log_beta(df / 2) + math.log(fraction)


def _log_beta(a: float) -> float:
    """The logarithm of B(a, 1/2)."""
    if a < 20:
        return math.lgamma(a) + _LN_PI / 2 - math.lgamma(a + 0.5)
    # ln Γ(a + 1/2) - ln Γ(a) - ln(a)/2, https://dlmf.nist.gov/5.11#iii: the two would be too large to subtract.
    series = -1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5) + 17 / (14336 * a**7)
    return _LN_PI / 2 - math.log(a) / 2 - series


def _converges(x: float, a: float, b: float) -> bool:
    """The continued fraction converges quickly on this side; else the other side's is to be taken."""
    return x < (a + 1) / (a + b + 2)


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of DLMF 8.17.22, as 1 / (1 + d1 / (1 + d2 / ...))."""
    result, above, below = 1.0, 1.0, 0.0
    for step in range(1, _STEPS):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1 / (1 + term * below or _TINY)
        above = 1 + term / above or _TINY
        change = above * below
        result *= change
        if abs(change - 1) < _CLOSE:
            break
    return 1 / result


def _check_df(df: float) -> None:
    if not (df > 0 and math.isfinite(df)):
        raise ValueError(f"degrees of freedom are above 0, not {df}")
