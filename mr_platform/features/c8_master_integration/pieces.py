"""Compiled pieces of C8 that speak of one minute: who weighs how much, and how the components stand together."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c8_master_integration.state import GRID, N_COMPONENTS

NAN = math.nan
THIRD = 1.0 / 3.0
HEALTHY = 2


@njit(cache=True)
def gather(scores, confidences, healths, start, to_scores, to_confidences, to_healths):
    """What the components said, each an array [M] of a tuple, from minute ``start`` on into columns of ``to_`` [n, 7].

    No score, confidence 0 and health 0 where an array ends before.
    """
    for c in range(len(scores)):
        for i in range(to_scores.shape[0]):
            there = start + i < scores[c].size
            to_scores[i, c] = scores[c][start + i] if there else NAN
            to_confidences[i, c] = confidences[c][start + i] if there else 0.0
            to_healths[i, c] = healths[c][start + i] if there else 0


@njit(cache=True, error_model="numpy")
def on_grid(x):
    return np.rint(x * GRID) / GRID


@njit(cache=True, error_model="numpy")
def weights_at(dte, bounds, table, out):
    """Weights [7] of the components at ``dte`` calendar days to expiry; NaN where they are not known."""
    if dte < 0:
        out[:] = NAN
        return
    at = 0
    for bound in bounds:
        at += 1 if dte > bound else 0
    out[:] = table[at]


@njit(cache=True, error_model="numpy")
def shares_of(scores, confidences, health, weights, degraded, out):
    """Shares [7] in the weights in force: weight x confidence x health; NaN without a score. How sure all seven are.

    The answer is the sum of weight x confidence x health over the sum of the weights of all seven.
    """
    total = 0.0
    most = 0.0
    for c in range(N_COMPONENTS):
        most += weights[c]
        out[c] = NAN
        if not math.isnan(scores[c]):
            out[c] = weights[c] * confidences[c] * (1.0 if health[c] == HEALTHY else degraded)
            total += out[c]
    if not total > 0.0:
        out[:] = NAN
        return 0.0
    for c in range(N_COMPONENTS):
        out[c] /= total
    return total / most


@njit(cache=True, error_model="numpy")
def together(scores, shares):
    """Score, agreement, coherence and concentration of one minute's scores [7] under their shares [7]."""
    net = 0.0
    gross = 0.0
    squares = 0.0
    count = 0
    for c in range(N_COMPONENTS):
        if not math.isnan(shares[c]):
            count += 1
            net += shares[c] * scores[c]
            gross += shares[c] * abs(scores[c])
            squares += shares[c] * shares[c]
    if count == 0:
        return NAN, NAN, NAN, NAN
    net = min(max(net, -1.0), 1.0)
    spread = 0.0
    for c in range(N_COMPONENTS):
        if not math.isnan(shares[c]):
            spread += shares[c] * (scores[c] - net) ** 2
    agreement = max(1.0 - math.sqrt(spread), 0.0) if count > 1 else NAN
    coherence = min(abs(net) / gross, 1.0) if gross > 0.0 else NAN
    return net, agreement, coherence, min(squares, 1.0)


@njit(cache=True, error_model="numpy")
def synergy_of_pairs(scores, shares):
    """Mean over the pairs, by product of shares, of sign(ab) sqrt(|ab|)."""
    value = 0.0
    weight = 0.0
    for i in range(N_COMPONENTS):
        if math.isnan(shares[i]):
            continue
        for j in range(i):
            if not math.isnan(shares[j]):
                both = shares[i] * shares[j]
                product = scores[i] * scores[j]
                root = math.sqrt(abs(product))
                weight += both
                value += both * (root if product > 0.0 else -root)
    return min(max(value / weight, -1.0), 1.0) if weight > 0.0 else NAN


@njit(cache=True, error_model="numpy")
def synergy_of_triads(scores, shares):
    """Mean over the triads, by product of shares, of sign x |abc|^(1/3) where all have one sign, else 0."""
    value = 0.0
    weight = 0.0
    for i in range(N_COMPONENTS):
        if math.isnan(shares[i]):
            continue
        for j in range(i):
            if math.isnan(shares[j]):
                continue
            for k in range(j):
                if math.isnan(shares[k]):
                    continue
                three = shares[i] * shares[j] * shares[k]
                weight += three
                if scores[i] > 0.0 and scores[j] > 0.0 and scores[k] > 0.0:
                    value += three * (scores[i] * scores[j] * scores[k]) ** THIRD
                elif scores[i] < 0.0 and scores[j] < 0.0 and scores[k] < 0.0:
                    value -= three * (-scores[i] * scores[j] * scores[k]) ** THIRD
    return min(max(value / weight, -1.0), 1.0) if weight > 0.0 else NAN


@njit(cache=True, error_model="numpy")
def spread_of(scores):
    """Population standard deviation of the scores there; NaN with fewer than two."""
    count = 0
    total = 0.0
    for c in range(N_COMPONENTS):
        if not math.isnan(scores[c]):
            count += 1
            total += scores[c]
    if count < 2:
        return NAN
    mean = total / count
    squares = 0.0
    for c in range(N_COMPONENTS):
        if not math.isnan(scores[c]):
            squares += (scores[c] - mean) ** 2
    return math.sqrt(squares / count)


@njit(cache=True, error_model="numpy")
def variation(a, b):
    """Total variation between two distributions; NaN where one is not known."""
    total = 0.0
    for i in range(a.size):
        total += abs(a[i] - b[i])
    return 0.5 * total


@njit(cache=True, error_model="numpy")
def variation_of_shares(a, b):
    """Total variation between two rows of shares, one without a score having none; NaN where nobody has any."""
    total = 0.0
    first = 0.0
    second = 0.0
    for c in range(a.size):
        x = 0.0 if math.isnan(a[c]) else a[c]
        y = 0.0 if math.isnan(b[c]) else b[c]
        first += x
        second += y
        total += abs(x - y)
    return min(0.5 * total, 1.0) if first > 0.0 and second > 0.0 else NAN


@njit(cache=True, error_model="numpy")
def jump(now, then):
    """Root mean square of the changes of the scores there at both times; NaN with fewer than two."""
    count = 0
    squares = 0.0
    for c in range(now.size):
        change = now[c] - then[c]
        if not math.isnan(change):
            count += 1
            squares += change * change
    return math.sqrt(squares / count) if count > 1 else NAN


@njit(cache=True, error_model="numpy")
def cosine(now, then):
    """Cosine between the scores there at both times; NaN with fewer than two, or where one side is all 0."""
    count = 0
    dot = 0.0
    first = 0.0
    second = 0.0
    for c in range(now.size):
        if not (math.isnan(now[c]) or math.isnan(then[c])):
            count += 1
            dot += now[c] * then[c]
            first += now[c] * now[c]
            second += then[c] * then[c]
    if count < 2 or not (first > 0.0 and second > 0.0):
        return NAN
    return min(max(dot / math.sqrt(first * second), -1.0), 1.0)


@njit(cache=True, error_model="numpy")
def balance(a, b):
    return (a - b) / (a + b) if a + b > 0.0 else NAN


@njit(cache=True, error_model="numpy")
def grade(size, flag, adapt):
    """Linear from 0 to 1 at ``flag``, and on to 2 at ``adapt`` and beyond."""
    return size / flag if size < flag else 1.0 + (size - flag) / (adapt - flag)
