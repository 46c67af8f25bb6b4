"""Ids, digests, seeds of experiments: golden values that must never change."""

import itertools
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from research_domain import (
    Alias,
    ConfigAlias,
    Domain,
    Identifier,
    NumpySampler,
    ParameterError,
    SeedError,
    experiment_seed,
    make_rng,
    make_seed_sequence,
)

GOLDEN = """
from research_domain import Alias, Domain, Identifier, NumpySampler, experiment_seed, make_rng
grid = Domain({'a': [1, 2.5, None, 'x'], 'b/c': [Alias([1, 2], 'pair'), True]})
mixture = 0.5 * Domain(b=[1, 2, 3]) + 0.5 * Domain(c=[1, 2, 3])
sampled = Domain(a=[1, 2]) * Domain(x=NumpySampler('u')) + mixture
identifier = Identifier()
for domain in (grid, sampled.set_iter_params(seed=42, n_reps=2)):
    for config in domain:
        identity = identifier.identify(config)
        seed = experiment_seed(42, identity.digest)
        drawn = make_rng(seed).integers(10**6)
        print(config.alias(as_string=True), identity.id, identity.digest.hex()[:8], drawn)
"""


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    ).stdout


def test_identities_are_the_same_in_every_process():
    one, two = (run(GOLDEN, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert one == two
    assert len(one.splitlines()) == 8 + 16


def test_identities_have_golden_values():
    lines = run(GOLDEN, PYTHONHASHSEED="0").splitlines()
    assert lines[0] == "a_1-b/c_pair-repetition_0-updates_0 5528023f-0 446f836c 325998"
    assert lines[7] == "a_x-b/c_True-repetition_0-updates_0 a7787b4a-0 efb819de 143313"
    assert lines[9] == "a_2-repetition_0-updates_0-x_0.4942575526241335 5c91eb11-0 88f26d07 183326"
    assert lines[-1] == "c_3-repetition_1-updates_0 b60e443e-1 0874c543 576675"


def test_id_is_hash_repetition_and_occurrence():
    identifier = Identifier()
    config = ConfigAlias({"b": 2, "a": 1, "repetition": 3, "updates": 7, "device": "0"})
    first, second = identifier.identify(config), identifier.identify(config)
    assert first.id == "b719ade5-3"
    assert second.id == "b719ade5-3-1"
    assert (first.repetition, first.occurrence, second.occurrence) == (3, 0, 1)
    assert len({first.digest, second.digest}) == 2
    assert len(first.digest) == 32
    assert pickle.loads(pickle.dumps(first)) == first


def test_auxiliary_keys_do_not_matter():
    ids = [Identifier().identify(ConfigAlias({"a": 1, "updates": k, "device": k})).id for k in range(3)]
    assert len(set(ids)) == 1


def test_ids_are_unique():
    domain = (Domain(a=[1, 2]) + Domain(a=[2, 3])).set_iter_params(n_items=9, n_reps=3, repeat_each=2)
    identifier = Identifier()
    ids = [identifier.identify(config).id for config in domain]
    assert len(set(ids)) == len(ids) == 27


def test_objects_without_a_name_have_stable_ids():
    class Model:
        pass

    ids = [Identifier().identify(ConfigAlias({"model": Model()})).id for _ in range(5)]
    assert len(set(ids)) == 1


def test_prefix_is_the_index_of_options_by_first_appearance_and_the_repetition():
    domain = Domain(a=["x", "y"], b=[7, 8, 9]).set_iter_params(n_reps=2)
    identifier = Identifier(create_id_prefix=2)
    ids = [identifier.identify(config).id for config in domain]
    assert ids[0].startswith("00_00_00_")
    assert ids[4].startswith("01_01_00_")
    assert ids[-1].startswith("01_02_01_")
    assert ids == [
        f"{prefix}_{plain.id}"
        for prefix, plain in zip(
            ["_".join(one.split("_")[:3]) for one in ids], map(Identifier().identify, domain), strict=True
        )
    ]
    assert Identifier(True).identify(domain[1]).id.startswith("0_0_0_")
    assert Identifier(False).identify(domain[1].set_prefix(["repetition"], 3)).id.startswith("000_")


@pytest.mark.parametrize("digits", [-1])
def test_bad_digits_are_an_error(digits):
    with pytest.raises(ParameterError, match="create_id_prefix"):
        Identifier(digits)


@pytest.mark.parametrize("seed", [0, 5, 2**70, np.int64(3), [1, 2, 3], False])
def test_equal_seeds_give_equal_streams(seed):
    assert make_rng(seed).random() == make_rng(seed).random()


def test_objects_with_a_seed_sequence_share_it():
    sequence = np.random.SeedSequence(7)

    class Holder:
        random_seed = sequence

    generator = np.random.default_rng(sequence)
    for seed in (sequence, generator, generator.bit_generator, Holder()):
        assert make_seed_sequence(seed) is sequence
    assert make_rng(generator) is generator


def test_no_seed_and_true_draw_fresh_entropy():
    assert len({make_seed_sequence(seed).entropy for seed in (None, None, True, True)}) == 4
    assert make_seed_sequence(False).entropy == 0


@pytest.mark.parametrize("seed", [-1, "7", 1.5, [1, -2], object()])
def test_bad_seeds_are_errors(seed):
    with pytest.raises(SeedError, match="seed"):
        make_seed_sequence(seed)
    with pytest.raises(SeedError, match="seed"):
        Domain(a=[1]).set_iter_params(seed=seed)


def test_streams_of_experiments_differ():
    identifier = Identifier()
    seeds = [
        experiment_seed(1, identifier.identify(config).digest)
        for config in itertools.islice(Domain(a=range(50)).set_iter_params(n_reps=2), 100)
    ]
    assert len({make_rng(seed).random() for seed in seeds}) == 100
    assert (
        make_rng(experiment_seed([1, 2], b"\0" * 32)).random()
        != make_rng(experiment_seed(1, b"\0" * 32)).random()
    )


def test_draws_have_golden_values():
    domain = Domain(x=NumpySampler("u"), a=[1, 2]).set_iter_params(seed=42)
    assert [round(config.config()["x"], 6) for config in domain] == [0.862916, 0.494258]
    far = Domain(x=NumpySampler("u")).set_iter_params(seed=42)[10**12].config()["x"]
    assert round(far, 6) == 0.473772
    assert Alias(1).alias == "1"
