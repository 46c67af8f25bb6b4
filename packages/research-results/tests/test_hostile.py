"""A folder from a stranger runs nothing and leads nowhere, whatever it holds."""

import contextlib
import datetime
import json
import os
import pickle
import random
import shutil
import sqlite3
import zoneinfo

import numpy as np
import pytest

from research_domain import Domain
from research_results import Opaque, ResearchResults, ResearchStorage
from research_results.errors import DamagedError, NotAResearchError, ResultsError
from research_results.frames import assembly
from research_results.reading import configs


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def sql(folder, *statements):
    """Change a database behind the back of the package."""
    with contextlib.closing(sqlite3.connect(folder / "research.db")) as connection:
        for statement, *parameters in statements:
            connection.execute(statement, parameters)
        connection.commit()


UNCHECKED = [(f"UPDATE {table} SET checksum = NULL",) for table in ("chunks", "options", "experiments")]
"""What somebody does who wants more than a checksum to be looked at."""


def look_at_everything(results):
    """Read all that there is to read without allowing code."""
    results.summary()
    results._repr_html_()
    results.experiments
    results.load_failures(every_attempt=True)
    results.df
    results.to_df(pivot=False, use_alias=True, concat_config=True, drop_columns=False)
    results.configs_to_df()
    results.configs_to_df(use_alias=False, remove_auxilary=False)
    results.artifacts_to_df()
    results.filter_ids_by_configs(domain=Domain(n=[1, 2]))
    results.filter_ids_by_configs(config={"n": 1})
    results.filter_ids_by_configs(alias={"n": "1"})
    return results.load()


@pytest.fixture
def stranger(tmp_path):
    """A folder with ordinary results and as many bombs as fit."""
    path, fired = tmp_path / "research", tmp_path / "fired"
    bomb = pickle.dumps(Bomb(fired))
    with ResearchStorage(path, {"options": {"name": "<script>alert(1)</script>"}}) as storage:
        for place in range(3):
            storage.add(str(place), {"n": place, "bomb": Bomb(fired), "deep": {"in": [Bomb(fired)]}})
            storage.put(str(place), {"x": {0: float(place)}, "bomb": {0: Bomb(fired), 1: [Bomb(fired)]}})
            storage.put(str(place), {"large": {0: [Bomb(fired), "x" * 100_000]}})
            (storage.experiment_path(str(place)) / "config.dill").write_bytes(bomb)
    sql(
        path,
        ("UPDATE chunks SET checksum = NULL, data = ? WHERE kind = 'dill' AND data NOT NULL", bomb),
        ("UPDATE options SET checksum = NULL, data = ? WHERE kind = 'dill'", bomb),
    )
    for name in ("results.pkl", "research.dill", "env/x.dill"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(bomb)
    return path, fired


def test_looking_at_everything_fires_nothing(stranger):
    path, fired = stranger
    loaded = look_at_everything(ResearchResults(path))
    assert isinstance(loaded.results["0"]["bomb"][0], Opaque)
    assert isinstance(loaded.results["0"]["large"][0], Opaque)
    assert isinstance(loaded.configs["0"].config()["bomb"], Opaque)
    with ResearchStorage(path) as storage:
        look_at_everything(storage.results)
        storage.put("0", {"x": {1: 1.0}})
    results = ResearchResults(path, allow_pickle="yes")
    look_at_everything(results)
    assert not fired.exists()


def test_allow_pickle_is_the_one_door(stranger):
    path, fired = stranger
    with contextlib.suppress(Exception):
        ResearchResults(path, allow_pickle=True).load_results(name="bomb")
    assert fired.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../../escape",
        "/etc/passwd",
        "a\0b",
        "x" * 300,
        "🙂💥",
        "a\nb\r\n",
        "<b>&'\"",
        "..",
        "~",
        "$HOME",
        "a\\..\\b",
    ],
)
def test_any_name_is_text_and_nothing_else(tmp_path, name):
    path = tmp_path / "inner" / "research"
    with ResearchStorage(path) as storage:
        storage.add(name, {name.replace("/", "|"): name})
        storage.put(name, {name: {0: 1.0, 1: np.arange(20_000)}})
        storage.mark(name, "failed", attempt=1)
        storage.put_output(name, "stdout", name)
        (storage.experiment_path(name) / "file").write_text("x")
        assert storage.experiments_stdout[name] == name
    results = ResearchResults(path)
    loaded = look_at_everything_of_any_parameter(results)
    assert list(loaded.results) == [name]
    assert loaded.results[name][name][0] == 1.0
    assert results.to_df(experiment_id=name, name=name)["id"].tolist() == [name, name]
    assert "<b>" not in results._repr_html_()
    assert sorted(found.name for found in tmp_path.iterdir()) == ["inner"]
    assert sorted(found.name for found in (tmp_path / "inner").iterdir()) == ["research"]


def look_at_everything_of_any_parameter(results):
    """Read all that needs no parameter of a name."""
    results.summary()
    results.experiments
    results.failures
    results.df
    results.configs_to_df(concat_config=True)
    results.artifacts_to_df()
    return results.load()


def test_links_that_lead_outside_are_no_artifacts(stranger, tmp_path):
    path, _ = stranger
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("x")
    folder = path / "experiments" / "0"
    (folder / "out").symlink_to(secret)
    (folder / "file-out").symlink_to(secret / "key")
    (folder / "inside").symlink_to(folder / "config.dill")
    shutil.rmtree(path / "experiments" / "1")
    (path / "experiments" / "1").symlink_to(secret)
    results = ResearchResults(path)
    found = {name: [file.name for file in files] for name, files in results.load_artifacts().items()}
    assert found == {"0": ["config.dill", "inside"], "1": [], "2": ["config.dill"]}
    assert results.summary().size_bytes > 0


@pytest.mark.parametrize("digest", ["../../secret", "/etc/passwd", "x" * 64, "A" * 64, "", 7, "0" * 64])
def test_a_reference_to_a_blob_leads_nowhere_else(stranger, digest):
    path, _ = stranger
    sql(
        path,
        (
            "UPDATE chunks SET checksum = NULL, kind = 'bytes', data = NULL, blob = ? WHERE variable = 1",
            digest,
        ),
    )
    with pytest.raises(DamagedError):
        ResearchResults(path).load_results()
    with pytest.raises(DamagedError):
        ResearchResults(path).df


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW v AS SELECT * FROM chunks",
        "CREATE TRIGGER t AFTER INSERT ON chunks BEGIN DELETE FROM experiments; END",
        "CREATE VIRTUAL TABLE t USING fts5(a)",
    ],
)
def test_a_database_that_could_do_more_than_hold_rows_is_refused(stranger, statement):
    path, _ = stranger
    try:
        sql(path, (statement,))
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no such module")
    with pytest.raises(DamagedError, match="views, triggers or virtual tables"):
        ResearchResults(path).summary()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chunks SET count = 1000000000000000 WHERE kind = 'float'",
        "UPDATE chunks SET count = -1 WHERE kind = 'float'",
        "UPDATE chunks SET count = 'x'",
        "UPDATE chunks SET first = 'x'",
        "UPDATE chunks SET step = 1.5, kind = 'int'",
        "UPDATE chunks SET iterations = x'00'",
        "UPDATE chunks SET iterations = 'text'",
        "UPDATE chunks SET kind = 'O'",
        "UPDATE chunks SET kind = '|O'",
        "UPDATE chunks SET kind = 7",
        "UPDATE chunks SET kind = 'tree'",
        "UPDATE chunks SET kind = 'bool' WHERE kind = 'float'",
        "UPDATE chunks SET data = 'text', blob = NULL",
        "UPDATE chunks SET data = NULL, blob = NULL",
        "UPDATE chunks SET variable = 99",
        "UPDATE chunks SET variable = 'x'",
        "UPDATE chunks SET experiment = 99",
        "UPDATE experiments SET config = x'010203'",
        "UPDATE experiments SET config = 'text'",
        "UPDATE experiments SET config = x'ffffffff'",
        "UPDATE experiments SET attempt = 'x'",
        "UPDATE experiments SET started = 'x'",
        "UPDATE experiments SET id = 7 WHERE id = '0'",
        "UPDATE experiments SET id = x'ff' WHERE id = '0'",
        "UPDATE experiments SET status = 9",
        "UPDATE experiments SET elapsed_s = 'x'",
        "UPDATE options SET kind = 'tree'",
        "UPDATE options SET parameter = 99",
        "UPDATE options SET data = NULL",
        "UPDATE parameters SET name = x'00'",
        "UPDATE variables SET name = 5 WHERE variable = 1",
        "DROP TABLE chunks",
        "ALTER TABLE experiments DROP COLUMN attempt",
    ],
)
@pytest.mark.parametrize("checked", [True, False])
def test_rows_that_make_no_sense_are_damage_or_nothing(stranger, statement, checked):
    path, fired = stranger
    sql(path, *(() if checked else UNCHECKED), (statement,))
    for look in (
        *(lambda results: results.df, lambda results: results.load(), lambda results: results.experiments),
        *(lambda results: results.summary(), lambda results: results.failures),
        lambda results: list(results.follow()),
        *(lambda results: results.to_df(pivot=False), lambda results: results.configs_to_df()),
        lambda results: results.to_df(n=1),
    ):
        with contextlib.suppress(ResultsError):
            look(ResearchResults(path))
    assert not fired.exists()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE chunks SET variable = 'x'", "table chunks .* column variable holds a value of type str"),
        (
            "UPDATE chunks SET iterations = 'text'",
            "experiment '0', variable 'x' .* column iterations holds .* str",
        ),
        (
            "UPDATE chunks SET first = 1.5",
            "experiment '0', variable 'x' .* column first holds a value of type float",
        ),
        ("UPDATE chunks SET variable = 99", "variable 99 without a name"),
        ("UPDATE chunks SET kind = x'00'", "table chunks .* column kind holds a value of type bytes"),
        (
            "UPDATE experiments SET config = 'text'",
            "table experiments .* column config holds .* str",
        ),
        ("UPDATE experiments SET config = x'ffffffff'", "a config has options that there are not"),
        ("UPDATE options SET data = 7", "table options .* column data holds a value of type int"),
        ("UPDATE options SET data = NULL WHERE kind = 'int'", "too few or too many bytes"),
        ("UPDATE options SET data = NULL WHERE kind = 'dill'", "has no data"),
    ],
)
def test_damage_is_said_where_it_is_without_checksums_as_well(stranger, statement, message):
    path, _ = stranger
    sql(path, *UNCHECKED, (statement,))
    for look in (lambda results: results.df, lambda results: results.to_df(pivot=False)):
        with pytest.raises(DamagedError, match=message):
            look(ResearchResults(path))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE experiments SET attempt = 'x'", "column attempt holds a value of type str"),
        ("UPDATE experiments SET stopped = 1.5", "column stopped holds a value of type float"),
        ("UPDATE experiments SET position = 'x'", "column position holds a value of type str"),
        ("UPDATE experiments SET started = 9e999", "column started holds no time of this era"),
        ("UPDATE experiments SET elapsed_s = x'00'", "column elapsed_s holds a value of type bytes"),
    ],
)
def test_damage_of_a_status_is_said_where_it_is(stranger, statement, message):
    path, _ = stranger
    sql(path, (statement,))
    with pytest.raises(DamagedError, match=message):
        ResearchResults(path).experiments


@pytest.mark.parametrize(
    "error", [ValueError, TypeError, KeyError, OverflowError, MemoryError, RecursionError]
)
def test_errors_of_ours_and_of_pandas_are_not_called_damage(stranger, monkeypatch, error):
    def fail(*args):
        raise error("ours")

    path, _ = stranger
    monkeypatch.setattr(assembly, "as_column", fail)
    with pytest.raises(error, match="ours"):
        ResearchResults(path).df
    monkeypatch.setattr(configs, "gather", fail)
    with pytest.raises(error, match="ours"):
        ResearchResults(path).configs_to_df(use_alias=False)


def test_a_time_zone_that_this_machine_lacks_is_not_called_damage(tmp_path, monkeypatch):
    moment = datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    with ResearchStorage(tmp_path / "research") as storage:
        storage.put("a", {"t": {0: moment}})

    def lacking(key):
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", lacking)
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError, match="Europe/Berlin"):
        ResearchResults(tmp_path / "research").df


def test_more_names_than_a_query_has_room_for_are_read(tmp_path):
    names = [f"v{place}" for place in range(700)]
    with ResearchStorage(tmp_path / "research") as storage:
        storage.put("a", {name: {0: 1.0} for name in names})
    results = ResearchResults(tmp_path / "research")
    assert results.to_df(name=names[:600]).columns.tolist()[2:] == names[:600]
    assert list(results.load_results(name=names[:600])["a"]) == names[:600]


def test_an_id_that_no_database_can_hold_is_no_damage(storage):
    storage.put("a", {"x": {0: 1.0}})
    with pytest.raises(ResultsError) as caught:
        storage.results.to_df(experiment_id="\ud800")
    assert not isinstance(caught.value, DamagedError)


@pytest.mark.parametrize("seed", range(40))
def test_random_bytes_in_any_file_are_damage_or_nothing(stranger, seed):
    path, fired = stranger
    rng = random.Random(seed)
    files = [path / "research.db", path / "research.json", *(path / "blobs").glob("*/*")]
    for _ in range(4):
        file = rng.choice(files[:2] if seed % 2 else files)
        data = bytearray(file.read_bytes())
        for _ in range(rng.randrange(1, 60)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        file.write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])] or b"x")
        with contextlib.suppress(ResultsError):
            look_at_everything(ResearchResults(path))
    assert not fired.exists()


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "7", "{}", "\0", "[" * 100_000, '{"format": "x", "minimum_reader": 1}'),
        json.dumps({"format": 1, "minimum_reader": 1, "meta": 3}),
        json.dumps({"format": None, "minimum_reader": [1]}),
    ],
    ids=lambda content: content[:20],
)
def test_a_description_of_something_else_is_no_research(stranger, content):
    path, _ = stranger
    (path / "research.json").write_text(content)
    with pytest.raises(NotAResearchError, match=r"research\.json"):
        ResearchResults(path)


def test_a_description_that_is_no_text_is_no_research(stranger):
    path, _ = stranger
    (path / "research.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotAResearchError):
        ResearchResults(path)


@pytest.mark.parametrize(("config", "value"), [({"k": "\ud800"}, 1.0), ({"k": 1}, "\ud800")])
def test_half_a_surrogate_pair_spoils_no_table(tmp_path, config, value):
    with ResearchStorage(tmp_path / "research") as storage:
        for name in ("a", "b"):
            storage.add(name, config)
            storage.put(name, {"v": {0: value}})
    results = ResearchResults(tmp_path / "research")
    for layout in ({}, {"use_alias": True}, {"concat_config": True}, {"pivot": False}):
        assert len(results.to_df(**layout)) == 2
    assert results.df["v"].tolist() == [value, value]
    assert r"\ud800" in results.to_csv(tmp_path / "table.csv").read_text()
