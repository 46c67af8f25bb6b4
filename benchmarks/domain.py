"""What domains cost, as ratios measured in one run; scikit-learn is the peer.

Run with ``python benchmarks/domain.py``. It needs scikit-learn and exits with 1 if a ratio misses its limit.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial

from scipy import stats
from sklearn.model_selection import ParameterGrid, ParameterSampler

from research_domain import Domain, Identifier, NumpySampler

ROUNDS = 7
GRID = {"a": list(range(10)), "b": list(range(100)), "c": list(range(10)), "d": list(range(10))}
LONG = {"a": list(range(10_000)), "b": list(range(10_000))}
POINTS = list(range(1000))


def exhaust(make: Callable[[], Iterable[object]]) -> None:
    for _ in make():
        pass


def product_of_dicts() -> None:
    names = list(GRID)
    for values in itertools.product(*GRID.values()):
        dict(zip(names, values))  # noqa: B905  # what people write


def zip_of_dicts() -> None:
    for left, right in zip(LONG["a"], LONG["b"], strict=True):
        config = {"a": left, "b": right}  # noqa: F841


def configs_with_ids() -> None:
    identifier = Identifier()
    for config in Domain(GRID):
        config.config()
        identifier.identify(config)


def zipped() -> Domain:
    return Domain(a=LONG["a"]) @ Domain(b=LONG["b"])


def sampled_configs() -> None:
    for config in Domain(a=POINTS) * Domain(x=NumpySampler("n")):
        config.config()


def sampled_by_peer() -> None:
    exhaust(lambda: ParameterSampler({"a": POINTS, "x": stats.norm()}, len(POINTS), random_state=0))


def medians_s(*functions: Callable[[], object], calls: int = 1) -> list[float]:
    """Return the median time of each function, their rounds of some calls interleaved."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, record in zip(functions, times, strict=True):
            started_s = time.perf_counter()
            for _ in range(calls):
                function()
            record.append((time.perf_counter() - started_s) / calls)
    return [statistics.median(record) for record in times]


def import_us(module: str) -> int:
    """Return the cumulative time of importing a module in a fresh interpreter with compiled files."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    report = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stderr
    lines = [line.split("|") for line in report.splitlines() if line.count("|") == 2]
    return next(int(line[1]) for line in reversed(lines) if line[2].strip() == module)


def imports_us() -> tuple[float, float]:
    import_us("research_domain")  # compiles
    times: dict[str, list[int]] = {"research_domain": [], "numpy": []}
    for number in range(4 * ROUNDS):
        for module in sorted(times, reverse=number % 2 == 0):
            times[module].append(import_us(module))
    return statistics.median(times["research_domain"]), statistics.median(times["numpy"])


def huge() -> Domain:
    return Domain({f"p{number}": [0, 1] for number in range(40)})


def memory_bytes() -> int:
    configs = iter(huge())
    tracemalloc.start()
    for _ in itertools.islice(configs, 10**6):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def show(what: str, ours: str, peer: str, ratio: float, limit: float, *, at_least: bool = False) -> bool:
    good = ratio >= limit if at_least else ratio <= limit
    sign = ">=" if at_least else "<="
    verdict = "ok" if good else "not ok"
    print(f"{what:<62}{ours:>12}{peer:>12}{ratio:>9.2f}  {sign} {limit:<6g}{verdict}")
    return good


def milliseconds(duration_s: float) -> str:
    return f"{1e3 * duration_s:.2f} ms"


def rows() -> Iterable[bool]:
    print(f"{'what':<62}{'ours':>12}{'peer':>12}{'ratio':>9}  limit")
    grid, dicts, peer, ids = medians_s(
        partial(exhaust, lambda: Domain(GRID)),
        product_of_dicts,
        partial(exhaust, lambda: ParameterGrid(GRID)),
        configs_with_ids,
    )
    ms = milliseconds
    yield show("grid of 10^5: ConfigAlias / dicts of itertools.product", ms(grid), ms(dicts), grid / dicts, 4)
    yield show("grid of 10^5: ConfigAlias / sklearn ParameterGrid", ms(grid), ms(peer), grid / peer, 4)
    yield show(
        "grid of 10^5: config() and id / dicts of itertools.product", ms(ids), ms(dicts), ids / dicts, 20
    )
    ours, dicts = medians_s(partial(exhaust, zipped), zip_of_dicts, calls=20)
    yield show("two lists of 10^4 by @ / dicts of zip", ms(ours), ms(dicts), ours / dicts, 4)
    ours, peer = medians_s(sampled_configs, sampled_by_peer, calls=3)
    speed = peer / ours
    yield show(
        "grid x normal sampler: rate / sklearn ParameterSampler", ms(ours), ms(peer), speed, 5, at_least=True
    )
    first, far = medians_s(lambda: next(iter(huge())), lambda: huge()[10**12])
    yield show("grid of 2^40: first config / 10 ms", ms(first), "10 ms", first / 0.01, 1)
    yield show("grid of 2^40: domain[10**12] / 10 ms", ms(far), "10 ms", far / 0.01, 1)
    peak = memory_bytes()
    yield show("grid of 2^40: memory for 10^6 configs / 5 MB", f"{peak / 1e6:.3f} MB", "5 MB", peak / 5e6, 1)
    ours_us, numpy_us = imports_us()
    ratio = ours_us / numpy_us
    yield show("import research_domain / import numpy", ms(ours_us / 1e6), ms(numpy_us / 1e6), ratio, 1.25)


if __name__ == "__main__":
    sys.exit(0 if all(list(rows())) else 1)
