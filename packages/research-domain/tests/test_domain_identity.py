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
    AliasError,
    AuxiliaryKey,
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
    assert lines[0] == "a_1-b/c_pair-repetition_0-updates_0 c075094a70181b33-0 3b136ad9 460372"
    assert lines[7] == "a_x-b/c_True-repetition_0-updates_0 7adc5fa2f10a8fee-0 d332b39a 137175"
    assert lines[9] == "a_2-repetition_0-updates_0-x_0.4942575526241335 e3095cfcf0bfbd30-0 c973fc47 41901"
    assert lines[-1] == "c_3-repetition_1-updates_0 cb74c4458fb7282d-1 ee4249d2 74989"


def test_id_is_hash_repetition_and_occurrence():
    identifier = Identifier()
    config = ConfigAlias({"b": 2, "a": 1, "repetition": 3, "updates": 7, AuxiliaryKey("device"): "0"})
    first, second = identifier.identify(config), identifier.identify(config)
    assert first.id == "e821f1c92e85bbf4-3"
    assert second.id == "e821f1c92e85bbf4-3-1"
    assert (first.repetition, first.occurrence, second.occurrence) == (3, 0, 1)
    assert len({first.digest, second.digest}) == 2
    assert len(first.digest) == 32
    assert pickle.loads(pickle.dumps(first)) == first


def test_auxiliary_keys_do_not_matter():
    configs = [ConfigAlias({"a": 1, "updates": k, AuxiliaryKey("device"): k}) for k in range(3)]
    assert len({Identifier().identify(config).id for config in configs}) == 1


def test_a_parameter_called_device_matters():
    identifier = Identifier()
    keys = ["device", "device", AuxiliaryKey("device"), AuxiliaryKey("device")]
    configs = [ConfigAlias([("a", 1), (key, place)]) for place, key in enumerate(keys)]
    ids = [identifier.identify(config).id for config in configs]
    assert len(set(ids)) == 4
    assert ids[3] == f"{ids[2]}-1"  # what differs is how it is run
    assert ids[2] == Identifier().identify(ConfigAlias({"a": 1})).id


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


@pytest.mark.parametrize("seed", [0, 5, 2**70, np.int64(3), [1, 2, 3]])
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


def test_no_seed_true_and_false_draw_fresh_entropy():
    seeds = (None, None, True, True, False, False)
    assert len({make_seed_sequence(seed).entropy for seed in seeds}) == len(seeds)


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


def ids(*values, identifier=None, **options):
    identifier = identifier or Identifier(**options)
    return [identifier.identify(ConfigAlias({"a": value})).id for value in values]


def add_one(x):
    return x + 1


@pytest.mark.parametrize(
    "values",
    [
        (1, 1.0, True, "1", "1.0", "True", b"1", np.array(1)),
        (None, "None"),
        ([1, 2], (1, 2), ["1", "2"], "[1, 2]", np.array([1, 2])),
        ({"a": 1}, {"a": 1.0}, "{'a': 1}"),
        (add_one, "add_one", lambda x: x + 1, lambda x: x + 2),
        (np.zeros(5000), np.arange(5000) == 2500, np.zeros(5000, np.float32), np.zeros((50, 100))),
        (0.1, np.nextafter(0.1, 1), np.float32(0.1)),
        (Alias([1], "small"), "small", [1]),
    ],
)
def test_values_that_only_read_alike_have_ids_of_their_own(values):
    assert len(set(ids(*values))) == len(values)
    assert all(each.endswith("-0") for each in ids(*values))
    prefixes = [each.split("_")[0] for each in ids(*values, create_id_prefix=2)]
    assert prefixes == [f"{index:02d}" for index in range(len(values))]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, np.int32(1)),
        (0.5, np.float16(0.5)),
        (True, np.True_),
        ("a", np.str_("a")),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (add_one, Alias(add_one)),
        (np.zeros((2, 3)), np.zeros((2, 3), order="F")),
    ],
)
def test_equal_values_are_occurrences_of_one_config(left, right):
    first, second = ids(left, right)
    assert second == f"{first}-1"


def test_names_and_values_cannot_be_taken_for_each_other():
    configs = [{"a": "1-b_2"}, {"a": "1", "b": "2"}, {"a": "1", "b": 2}, {"a_1": "b", "b": "2"}]
    identifier = Identifier()
    assert len({identifier.identify(ConfigAlias(config)).id[:16] for config in configs}) == 4


def test_an_alias_that_somebody_chose_is_the_identity():
    small, same_name, other = Alias([64], "small"), Alias([128], "small"), Alias([64], "other")
    assert ids(small) == ids(same_name) != ids(other)
    assert ids(Alias([64])) == ids([64]) != ids(small)
    key = [Identifier().identify(ConfigAlias([(name, 1)])).id for name in ("rate", Alias("rate", "lr"))]
    assert key[0] == key[1]  # names of parameters are shown by their alias and count as they are


def test_two_values_under_one_alias_are_refused():
    with pytest.raises(AliasError, match="parameter 'a': two different values have the alias 'small'"):
        Domain(a=[Alias([64], "small"), Alias([128], "small")])
    with pytest.raises(AliasError, match="small"):
        ids(Alias([64], "small"), Alias([128], "small"))
    assert len(Domain(a=[Alias([64], "small"), Alias([64], "small"), Alias([65]), Alias([65])])) == 4


def test_objects_that_cannot_be_written_down_give_a_warning():
    with pytest.warns(UserWarning, match="'a': objects of builtins.generator are told apart by type"):
        ids(each for each in ())


def test_shown_ids_are_unique_where_their_beginnings_are_not(monkeypatch):
    monkeypatch.setattr("research_domain.identity._SHOWN", 2)
    identifier = Identifier()
    domain = Domain(a=range(500)).set_iter_params(n_items=750, n_reps=2)
    identities = [identifier.identify(config) for config in domain]
    assert len({each.id for each in identities}) == len({each.digest for each in identities}) == 1500
    assert sum(each.occurrence for each in identities) == 500
    assert {len(each.id.split("-")[0]) for each in identities} == {2, 64}


def test_known_experiments_keep_their_ids():
    before = Identifier(create_id_prefix=1)
    known = {identity.digest: identity.id for identity in map(before.identify, Domain(a=[1, 2]))}
    after = Identifier(create_id_prefix=1, known=known)
    now = [after.identify(config) for config in Domain(a=[3, 2, 1])]
    assert [identity.id for identity in now][1:] == list(known.values())[::-1]
    assert now[0].id not in known.values()


@pytest.mark.parametrize("value", ["a", 1.5, True, None])
def test_a_repetition_is_a_number(value):
    with pytest.raises(ParameterError, match="'repetition': is the number of a repetition, got"):
        Identifier().identify(ConfigAlias({"a": 1, "repetition": value}))
    assert Identifier().identify(ConfigAlias({"a": 1, "repetition": np.int64(3)})).repetition == 3
