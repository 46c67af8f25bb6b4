"""Our searches do what any search has to."""

import pytest

from research_runner.testing import SearchContract
from research_search import ASHA, CMAES, NSGA2, QMC, TPE, Hyperband, Median, Random

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


class TestTPE(SearchContract):
    def search(self):
        return TPE("loss", stop=ASHA(), n_startup_trials=5)


class TestTPEOfSeveral(SearchContract):
    def search(self):
        return TPE(["loss", "-speed"], stop=Median(startup=3), n_startup_trials=5)


class TestRandom(SearchContract):
    def search(self):
        return Random("loss", stop=Hyperband())


class TestQMC(SearchContract):
    def search(self):
        return QMC("loss")


class TestNSGA2(SearchContract):
    def search(self):
        return NSGA2(["loss", "-speed"], population_size=4)


class TestCMAES(SearchContract):
    def search(self):
        return CMAES("loss", n_startup_trials=3)
