"""Differences and times drawn from distributions whose true values are known: what intervals are tried on.

Every maker takes a generator and a shape (draws, sessions, rounds) and gives differences whose median is 0.
"""

import math

import numpy as np

SPREAD = 0.03  # of a round, in logarithms: what a shared machine shows
BETWEEN = 0.003  # of a session
SLOW, FAST = 8.3, 5.3  # microseconds: one machine, one forward pass


def lognormal(rng, shape):
    """Two times that are lognormal: their log ratio is normal."""
    return SPREAD * rng.standard_normal(shape)


def pareto(rng, shape):
    """Two times with Pareto tails of index 2.5: their log ratio is a Laplace variable."""
    return (rng.exponential(size=shape) - rng.exponential(size=shape)) / 2.5


def skewed(rng, shape):
    """Only one variant has a tail: exponential, about its median."""
    return SPREAD * (rng.exponential(size=shape) - math.log(2))


def mixture(rng, shape):
    """A fifth of the rounds straddles a change of speed, to either side."""
    jump = math.log(SLOW / FAST) * rng.choice([-1, 0, 1], p=[0.1, 0.8, 0.1], size=shape)
    return lognormal(rng, shape) + jump


def ties(rng, shape):
    """A coarse clock: differences on a grid of half the spread."""
    return np.round(lognormal(rng, shape) / SPREAD * 2) / 2 * SPREAD


def first_order(rho):
    """Make rounds that resemble the one before by `rho`."""

    def draw(rng, shape):
        noise = rng.standard_normal(shape)
        for index in range(1, shape[-1]):
            noise[..., index] = rho * noise[..., index - 1] + math.sqrt(1 - rho * rho) * noise[..., index]
        return SPREAD * noise

    return draw


def with_sessions(draw, between=BETWEEN):
    """Let sessions differ by more than their rounds explain."""

    def both(rng, shape):
        return draw(rng, shape) + between * rng.standard_normal((*shape[:-1], 1))

    return both


INDEPENDENT = {
    "lognormal": lognormal,
    "lognormal, sessions differ": with_sessions(lognormal),
    "lognormal, sessions differ much": with_sessions(lognormal, 5 * BETWEEN),
    "Pareto": pareto,
    "Pareto, sessions differ": with_sessions(pareto),
    "skewed": skewed,
    "mixture of two speeds": mixture,
    "mixture, sessions differ": with_sessions(mixture),
}
TIED = {"ties": ties, "ties, sessions differ": with_sessions(ties)}
DEPENDENT = {
    "AR(1) 0.2": first_order(0.2),
    "AR(1) 0.3": first_order(0.3),
    "AR(1) 0.6": first_order(0.6),
    "AR(1) 0.3, sessions differ": with_sessions(first_order(0.3)),
    "AR(1) 0.6, sessions differ": with_sessions(first_order(0.6)),
}


def step(rng, values, settled=60):
    """Times that are half as long again until `settled`."""
    return _noisy(rng, np.where(np.arange(values) < settled, 1.5, 1.0))


def decay(rng, values, half=10):
    """Times that start at three times their end and halve the distance every `half` calls."""
    return _noisy(rng, 1 + 2 * 0.5 ** (np.arange(values) / half))


def flat(rng, values):
    """Times that are settled from the first."""
    return _noisy(rng, np.ones(values))


def spiked(rng, values):
    """Settled times, of which one in a hundred takes four times as long."""
    return flat(rng, values) * np.where(rng.random(values) < 0.01, 4.0, 1.0)


def ramp(rng, values):
    """Times that grow by a fifth over the series and never settle."""
    return _noisy(rng, np.linspace(1.0, 1.2, values))


def late_step(rng, values):
    """Times that change at three fifths of the series."""
    return _noisy(rng, np.where(np.arange(values) < values * 0.6, 1.3, 1.0))


def very_late_step(rng, values):
    """Times that change at nine tenths of the series."""
    return _noisy(rng, np.where(np.arange(values) < values * 0.9, 1.3, 1.0))


def wander(rng, values):
    """A random walk: it has no mean to settle at."""
    return np.exp(np.cumsum(0.01 * rng.standard_normal(values)))


def _noisy(rng, level):
    return level * np.exp(SPREAD * rng.standard_normal(len(level)))
