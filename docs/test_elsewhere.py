"""What the page on other frameworks shows as files is run, and what it says about configs is so."""

import json
import re
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ValidationError

from research_stack import Config, Domain

PAGE = (Path(__file__).parent / "elsewhere.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```py\n# (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = re.findall(r"^python (train\.py .*)$", PAGE, re.MULTILINE)


def run(folder, *arguments):
    """Run Python in a folder that has the files of the page."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_blocks_that_are_not_examples_are_files():
    assert sorted(FILES) == ["test_train.py", "train.py"] and PAGE.count("```py\n") == 2


def test_pytest_has_a_test_for_each_config(tmp_path):
    output = run(tmp_path, "-m", "pytest", "-v", "-p", "no:cacheprovider", "test_train.py")
    assert "4 passed" in output
    assert "test_any_config_learns[{'kernel': 'linear', 'C': 10}] PASSED" in output


@pytest.mark.parametrize("command", COMMANDS)
def test_hydra_takes_what_is_printed(tmp_path, command):
    kernel, c, score = run(tmp_path, *command.split()).split()
    assert command == f"train.py kernel={kernel} C={float(c):g}" and float(score) > 0.9


def test_there_are_commands():
    assert len(COMMANDS) == 2


@pytest.fixture
def config():
    return Config({"kernel": "rbf", "model/layers": 3})


def test_a_config_is_a_dict_to_json_and_to_functions(config):
    assert json.loads(json.dumps(config)) == {"kernel": "rbf", "model": {"layers": 3}}
    assert (lambda **items: items)(**config) == {"kernel": "rbf", "model": {"layers": 3}}


def test_optuna_takes_a_config_and_suggests_its_values():
    study = optuna.create_study()
    study.enqueue_trial(Config({"kernel": "rbf", "C": 3}))
    study.optimize(
        lambda trial: (
            trial.suggest_float("C", 1, 10) * len(trial.suggest_categorical("kernel", ["rbf", "linear"]))
        ),
        n_trials=1,
    )
    assert study.best_params == {"kernel": "rbf", "C": 3} and study.best_value == 9


def test_omegaconf_takes_plain_dictionaries_only(config):
    with pytest.raises(ValidationError, match="unsupported type: 'Config'"):
        OmegaConf.create(config)
    assert OmegaConf.create(config.to_dict()).model.layers == 3
    assert [OmegaConf.create(each).model.layers for each in Domain({"model/layers": [1, 2]}).dicts()] == [
        1,
        2,
    ]
