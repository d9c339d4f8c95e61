"""How good the advice is: every figure with its count, each family judged without itself."""

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.panel.fitting import (
    Outcome,
    bin_reliability,
    compute_calibration_error,
    count_per_class,
    estimate_crossover,
    fit_forecast,
    fit_similarity,
    hold_out,
    is_inside,
    predict_probabilities,
)
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import ALL_STAGES, predict_run_accuracy

Line = tuple[str, str]  # what was asked, and what was measured
CLEAR = 0.8  # least probability of a stated answer
NEAR = "1 point or a standard error"


def tabulate(
    outcomes: Sequence[Outcome],
    source: SourceNetwork,
    forecast_options: Sequence[str],
    margin: float,
    forecast_margin: float,
) -> Iterator[Line]:
    """Yield what was measured of the advice for a network.

    Args:
        outcomes: All data sets.
        source: The network.
        forecast_options: Keys of the options that are forecast.
        margin: By which a dearer new layer must be better to be recommended.
        forecast_margin: The same for training everything, whose accuracy is forecast.
    """
    families = len({each.family for each in outcomes})
    pools = len({each.row["pool"] for each in outcomes})
    yield "data sets, pools, families", f"{len(outcomes)}, {pools}, {families}"
    yield "80 % intervals of measured options hold", _describe_coverage(outcomes)
    yield from _tabulate_recommendation(outcomes, margin)
    yield from _tabulate_similarity(outcomes, source)
    for option in forecast_options:
        yield from _tabulate_forecast([o for o in outcomes if option in o.trained], option)
    trained = [each for each in outcomes if "3" in each.trained]
    yield from _tabulate_policies(trained, source, margin, forecast_margin)


def _describe_coverage(outcomes: Sequence[Outcome]) -> str:
    inside = []
    for each in outcomes:
        row = each.row
        for name, accuracy in each.expected.items():
            expected = predict_run_accuracy(accuracy, row["independent_images"], row["test_images"])
            inside.append(expected.low <= row["test"][name] <= expected.high)
    return f"{np.mean(inside):.0%} of {len(inside)} results"


def choose_frozen(outcome: Outcome, margin: float) -> str:
    """Return what the recommended new layer reads: the cheapest within the margin of the best."""
    known = outcome.expected
    *stages, _ = known
    best_cut = max(known[name] for name in stages[:-1])
    cut = next(name for name in reversed(stages[:-1]) if known[name] >= best_cut - margin)
    chosen = stages[-1]
    for name in (cut, ALL_STAGES):
        if known[name] > known[chosen] + margin:
            chosen = name
    return chosen


def _tabulate_recommendation(outcomes: Sequence[Outcome], margin: float) -> Iterator[Line]:
    """Regret of the measured choice among new layers, and of always taking the same one."""
    sizes = sorted({round(count_per_class(each)) for each in outcomes})
    for per_class in sizes:
        group = [each for each in outcomes if round(count_per_class(each)) == per_class]
        regrets = {
            "recommended": [_lose(each, choose_frozen(each, margin)) for each in group],
            "always case 1": [_lose(each, list(each.row["test"])[-2]) for each in group],
            "always all stages": [_lose(each, ALL_STAGES) for each in group],
        }
        near = [
            _is_near(loss, each.best_frozen, each)
            for loss, each in zip(regrets["recommended"], group, strict=True)
        ]
        means = "; ".join(
            f"{name} {np.mean(loss):.2f} ± {np.std(loss) / len(loss) ** 0.5:.2f}"
            for name, loss in regrets.items()
        )
        yield (
            f"new layers, {per_class} images a class: mean regret in points",
            f"{means}; recommended within {NEAR} {np.mean(near):.0%} of {len(near)}",
        )


def _tabulate_policies(
    outcomes: Sequence[Outcome], source: SourceNetwork, margin: float, forecast_margin: float
) -> Iterator[Line]:
    """Regret against the best of all options that were trained, by size."""
    forecasts = hold_out(outcomes, lambda others: fit_forecast(others, "3"))
    similarity = hold_out(outcomes, lambda others: fit_similarity(others, source.early))
    chances = predict_probabilities(outcomes, similarity)
    sizes = [round(count_per_class(each)) for each in outcomes]
    for per_class in sorted(set(sizes)):
        losses: dict[str, list[float]] = {}
        near = []
        for each, model, chance, size in zip(outcomes, forecasts, chances, sizes, strict=True):
            if size != per_class:
                continue
            row, everything = each.row, each.trained["3"]
            top, chosen = list(row["test"])[-2], choose_frozen(each, margin)
            cut = max(source.early, key=lambda name: each.expected[name])
            expected = model.forecast(row["predictors"], row["test_images"]).accuracy
            is_better = expected > each.expected[chosen] + forecast_margin
            reached = {
                "recommended": everything if is_better else row["test"][chosen],
                "textbook (line at 2,000)": row["test"][top if chance >= 0.5 else cut],
                "always case 1": row["test"][top],
                "always case 3": everything,
            }
            best = max(each.best_frozen, everything)
            for name, accuracy in reached.items():
                losses.setdefault(name, []).append(100 * (best - accuracy))
            near.append(_is_near(losses["recommended"][-1], best, each))
        yield (
            f"all options, {per_class} images a class: mean regret in points",
            "; ".join(
                f"{name} {np.mean(loss):.2f} ± {np.std(loss) / len(loss) ** 0.5:.2f}"
                for name, loss in losses.items()
            )
            + f"; recommended within {NEAR} {np.mean(near):.0%} of {len(near)}",
        )


def _is_near(loss: float, best: float, outcome: Outcome) -> bool:
    """Whether a loss in points is no more than one, or than the best accuracy's standard error."""
    error = 100 * (best * (1 - best) / outcome.row["test_images"]) ** 0.5
    return loss <= max(1.0, error)


def _lose(outcome: Outcome, name: str) -> float:
    return 100 * (outcome.best_frozen - outcome.row["test"][name])


def _tabulate_similarity(outcomes: Sequence[Outcome], source: SourceNetwork) -> Iterator[Line]:
    known = [each for each in outcomes if each.is_similar(source.early) is not None]
    models = hold_out(known, lambda others: fit_similarity(others, source.early))
    probabilities = predict_probabilities(known, models)
    similar = np.array([each.is_similar(source.early) for each in known])
    clear = np.maximum(probabilities, 1 - probabilities) >= CLEAR
    right = ((probabilities >= 0.5) == similar)[clear]
    error = compute_calibration_error(bin_reliability(probabilities, similar))
    yield "similarity: calibration error", f"{error:.3f} ({len(known)} data sets)"
    yield "similarity: right when 80 % sure", f"{right.sum()} of {len(right)} ({right.mean():.0%})"
    yield from _tabulate_stability(known, probabilities)


def _tabulate_stability(outcomes: Sequence[Outcome], probabilities: np.ndarray) -> Iterator[Line]:
    """Compare the probabilities of data sets that are two draws of the same pool and size."""
    draws: dict[tuple[str, int], list[float]] = {}
    for each, probability in zip(outcomes, probabilities, strict=True):
        draws.setdefault((each.row["pool"], each.row["per_class"]), []).append(probability)
    pairs = np.array([pair[:2] for pair in draws.values() if len(pair) > 1])
    if not len(pairs):
        return
    same = (pairs >= 0.5).all(1) | (pairs < 0.5).all(1)
    opposite = (pairs.max(1) >= CLEAR) & (pairs.min(1) <= 1 - CLEAR)
    yield (
        "similarity: other images of the same pool give",
        f"the same side in {same.mean():.0%} of {len(pairs)}; the opposite, 80 % sure of both, "
        f"in {opposite.sum()}",
    )


def _tabulate_forecast(outcomes: Sequence[Outcome], option: str) -> Iterator[Line]:
    if not outcomes:
        return
    models = hold_out(outcomes, lambda others: fit_forecast(others, option))
    inside = [is_inside(o, m, option) for o, m in zip(outcomes, models, strict=True)]
    errors = [
        100 * abs(o.trained[option] - m.forecast(o.row["predictors"], 1_000).accuracy)
        for o, m in zip(outcomes, models, strict=True)
    ]
    yield (
        f"option {option}: mean absolute error of the forecast in points, 80 % intervals hold",
        f"{np.mean(errors):.1f} ± {np.std(errors) / len(errors) ** 0.5:.1f}, "
        f"{np.mean(inside):.0%} of {len(inside)} results",
    )
    if option == "3":
        _, table = estimate_crossover(outcomes)
        for per_class, count, gain, error, won in table:
            yield (
                f"training everything minus the best new layer, {per_class} images a class",
                f"{gain:+.2f} ± {error:.2f} points on {count} sets, won on {won:.0%}",
            )
