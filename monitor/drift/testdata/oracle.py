"""Writes scipy.json: measures of pairs of counts by SciPy, and exact quantiles for the
bounds. make drift runs it.
"""

import json
import pathlib

import numpy as np
from scipy import special, stats
from scipy.spatial import distance

PIECES = 2000  # points that a bin's rows are spread over, for Wasserstein's distance
random = np.random.default_rng(11)


def pairs():
    even = np.full(32, 31)
    yield even, random.multinomial(1000, np.full(32, 1 / 32))
    yield even * 100, random.multinomial(1000, random.dirichlet(np.full(32, 20)))
    yield even, random.multinomial(200, random.dirichlet(np.full(32, 0.3)))
    yield random.multinomial(5000, random.dirichlet(np.full(51, 0.2))), random.multinomial(700, random.dirichlet(np.full(51, 0.2)))
    yield np.array([900, 100]), np.array([85, 15])
    yield np.array([1000, 0, 0]), np.array([0, 0, 10])
    yield np.array([100, 200, 300]), np.array([1, 2, 3])
    yield random.multinomial(10**9, random.dirichlet(np.full(1000, 5))), random.multinomial(10**6, random.dirichlet(np.full(1000, 5)))
    yield np.array([5, 0, 3, 0]), np.array([2, 0, 9, 0])


def measures(reference, now):
    p, q = reference / reference.sum(), now / now.sum()
    e = 0.5 / min(reference.sum(), now.sum())
    smooth_p, smooth_q = (p + e) / (1 + len(p) * e), (q + e) / (1 + len(q) * e)
    bins = np.arange(len(p))
    used = reference + now > 0
    chi = stats.chi2_contingency(np.array([reference[used], now[used]]), correction=False)
    edges = np.cumsum(random.lognormal(size=len(p) + 1)) - 3
    points = np.concatenate([edges[i] + (edges[i + 1] - edges[i]) * (np.arange(PIECES) + 0.5) / PIECES for i in bins])
    weights_p, weights_q = np.repeat(p, PIECES) / PIECES, np.repeat(q, PIECES) / PIECES
    middle = np.average(points, weights=weights_p)
    return {
        "reference": reference.tolist(),
        "now": now.tolist(),
        "edges": edges.tolist(),
        "psi": float(np.sum(special.rel_entr(smooth_p, smooth_q) + special.rel_entr(smooth_q, smooth_p))),
        "jensen_shannon": float(distance.jensenshannon(p, q, base=2)),
        # stats.ks_2samp counts rows, of which there are too many here: so by weights
        "kolmogorov_smirnov": float(np.abs(stats.rv_discrete(values=(bins, p)).cdf(bins) - stats.rv_discrete(values=(bins, q)).cdf(bins)).max())
        if reference.sum() > 10**6
        else float(stats.ks_2samp(np.repeat(bins, reference), np.repeat(bins, now), method="asymp").statistic),
        "total_variation": float(distance.cityblock(p, q) / 2),
        "chi_square": float(chi.statistic),
        "degrees": int(chi.dof),
        "p": float(chi.pvalue),
        "wasserstein": float(stats.wasserstein_distance(points, points, weights_p, weights_q)),
        "deviation": float(np.sqrt(np.average((points - middle) ** 2, weights=weights_p))),
    }


golden = {
    "pairs": [measures(*pair) for pair in pairs()],
    "massart": [
        {"n": n, "alpha": alpha, "exact": float(stats.kstwo.isf(alpha, n))} for n in (10, 100, 1000, 100000) for alpha in (0.2, 0.01, 1e-6, 1e-9)
    ],
    "shares": [
        {"x": x, "n": n, "alpha": alpha, "low": float(stats.beta.ppf(alpha, x, n - x + 1)), "high": float(stats.beta.isf(alpha, x + 1, n - x))}
        for x, n in ((1, 20), (5, 1000), (120, 1000), (500, 1000), (999, 1000), (30000, 100000))
        for alpha in (0.05, 1e-4, 1e-9)
    ],
    "gamma": [
        {"degrees": d, "statistic": s, "p": float(stats.chi2.sf(s, d))}
        for d in (1, 2, 5, 31, 50, 999)
        for s in (1e-6, 0.5, 1.0, 3.84, 30.0, 100.0, 600.0, 1000.0, 1200.0)
    ],
}
pathlib.Path(__file__).with_name("scipy.json").write_text(json.dumps(golden, indent=1) + "\n")
