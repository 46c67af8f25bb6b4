"""Importing modules as they were recorded."""

import importlib
import importlib.resources
import inspect
import os
import pickle
import pkgutil
import shutil
import subprocess
import sys
import traceback

import pytest

from research_runner.code.finding import find_modules
from research_runner.code.importing import (
    SCRIPT,
    VARIABLE,
    RecordedLoader,
    RecordedModule,
    content_digest,
    decode_modules,
    encode_modules,
    install,
    installed,
    installed_for,
    read_content,
    read_modules,
)
from research_runner.code.reading import Reading
from research_runner.code.record import CodeRecord, listing_of, save_encoded


@pytest.fixture
def recorded(project):
    """Return a project whose modules were recorded, edited since, and are imported from the record."""
    project.write("NAME/__init__.py", "from NAME.inner import VALUE\n")
    project.write("NAME/inner.py", "VALUE = 1\n\ndef fail():\n    raise ValueError  # the line that ran\n")
    project.write("NAME/numbers.txt", "1 2 3")
    modules = find_modules([project.name], Reading())
    project.write("NAME/inner.py", "syntax error(")
    with installed_for(modules.values()):
        yield project


def test_a_module_is_what_it_was(recorded):
    assert recorded.load("NAME").VALUE == 1


def test_a_worker_reloads_what_was_recorded_and_a_block_what_the_file_holds(recorded, monkeypatch):
    inner, finders = recorded.load("NAME.inner"), list(sys.meta_path)
    recorded.write("NAME/inner.py", "VALUE = 2\n")
    assert importlib.reload(inner).VALUE == 2
    monkeypatch.setattr(sys, "meta_path", finders)
    install(tuple(installed().modules.values()))
    assert importlib.reload(inner).VALUE == 1


def test_files_and_folders_are_the_true_ones(recorded, tmp_path):
    package, inner = recorded.load("NAME"), recorded.load("NAME.inner")
    folder = tmp_path / recorded.name
    assert package.__path__ == [str(folder)]
    assert (package.__file__, inner.__file__) == (str(folder / "__init__.py"), str(folder / "inner.py"))
    assert (package.__package__, inner.__package__) == (recorded.name, recorded.name)
    assert importlib.resources.files(recorded.name).joinpath("numbers.txt").read_text() == "1 2 3"
    assert pkgutil.get_data(recorded.name, "numbers.txt") == b"1 2 3"
    assert [module.name for module in pkgutil.iter_modules(package.__path__)] == ["inner"]


def test_tracebacks_and_sources_are_those_of_the_record(recorded):
    inner = recorded.load("NAME.inner")
    with pytest.raises(ValueError) as caught:
        inner.fail()
    assert "raise ValueError  # the line that ran" in "".join(traceback.format_exception(caught.value))
    assert "the line that ran" in inspect.getsource(inner.fail)
    assert inner.__loader__.get_source(inner.__name__).startswith("VALUE = 1")


def test_modules_of_a_folder_that_is_gone_are_imported(project, tmp_path):
    project.write("NAME/plain/inner.py", "VALUE = 1\n")
    modules = find_modules([project.name], Reading())
    shutil.rmtree(tmp_path / project.name)
    with installed_for(modules.values()):
        assert project.load("NAME.plain.inner").VALUE == 1
        assert project.load("NAME.plain").__path__ == [str(tmp_path / project.name / "plain")]


def test_a_host_with_the_module_elsewhere_finds_its_data_there(project, tmp_path):
    project.write("NAME/__init__.py", "VALUE = 1\n")
    modules = find_modules([project.name], Reading())
    (tmp_path / project.name).rename(tmp_path / "moved")
    elsewhere = tmp_path / "elsewhere" / project.name
    shutil.copytree(tmp_path / "moved", elsewhere)
    (elsewhere / "__init__.py").write_text("VALUE = 2\n")
    sys.path.insert(0, str(elsewhere.parent))
    importlib.invalidate_caches()
    with installed_for(modules.values()):
        package = project.load("NAME")
    assert (package.VALUE, package.__path__, package.__file__) == (
        *(1, [str(elsewhere)], str(elsewhere / "__init__.py")),
    )


def test_what_python_has_compiled_is_taken_if_it_is_certainly_of_the_source(project, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    old, new = project.write("NAME_a.py", "VALUE = 1\n"), project.write("NAME_b.py", "VALUE = 1\n")
    os.utime(old, (1_000_000_000, 1_000_000_000))
    for name in ("NAME_a", "NAME_b"):
        project.load(name)
    names = [f"{project.name}_a", f"{project.name}_b"]
    a, b = (find_modules([name], Reading())[name] for name in names)
    assert a.code and not b.code
    new.unlink()
    for module in (a, b):
        assert RecordedLoader(module, module.path).get_code(module.name).co_filename == module.path


def test_a_record_for_another_python_is_compiled_anew(project):
    project.write("NAME.py", "VALUE = 1\n")
    (module,) = find_modules([project.name], Reading()).values()
    with_code = module._replace(code=b"of another version")
    data = encode_modules([with_code], "listing").replace(importlib.util.MAGIC_NUMBER, b"\0\0\r\n")
    assert decode_modules(data) == ((module,), "listing")


def test_a_record_in_files_is_what_was_recorded(project, tmp_path):
    project.write("NAME/__init__.py", "same = 1\n")
    project.write("NAME/twin.py", "same = 1\n")
    project.write("NAME/plain/inner.py")
    script = RecordedModule(SCRIPT, "script.py", None, b"print('script')\n")
    record = CodeRecord((script, *find_modules([project.name], Reading()).values()))
    version = record.version({"unit": "0123"})
    record.save(tmp_path / "kept", version)
    assert CodeRecord.load(tmp_path / "kept", version) == record
    assert len(list((tmp_path / "kept" / "code").glob("*.py"))) == 3
    moved = save_encoded(record.encode("anywhere/abc.json"), tmp_path / "agent")
    assert decode_modules(moved) == (record.modules, str(listing_of(tmp_path / "agent", "abc")))
    assert read_modules(listing_of(tmp_path / "agent", "abc")) == record.modules


def test_a_content_that_was_changed_in_the_folder_is_not_run(tmp_path):
    file = tmp_path / f"{content_digest(b'VALUE = 1').hex()}.py"
    file.write_bytes(b"VALUE = 1")
    assert read_content(file) == b"VALUE = 1"
    file.write_bytes(b"VALUE = 2")
    with pytest.raises(ValueError, match="does not hold what was written"):
        read_content(file)


def test_the_version_is_of_contents_and_of_units(project):
    project.write("NAME.py", "VALUE = 1\n")
    record = CodeRecord(tuple(find_modules([project.name], Reading()).values()))
    project.write("NAME.py", "VALUE = 2\n")
    edited = CodeRecord(tuple(find_modules([project.name], Reading()).values()))
    assert record.version({"unit": "0"}) != edited.version({"unit": "0"})
    assert record.version({"unit": "0"}) != record.version({"unit": "1"})
    script = RecordedModule(SCRIPT, "script.py", None, b"print('script')\n")
    assert edited.version({}) == CodeRecord((script, *edited.modules)).version({})


def test_a_child_installs_the_record_from_its_environment(project, tmp_path):
    project.write("NAME.py", "VALUE = 1\n")
    record = CodeRecord(tuple(find_modules([project.name], Reading()).values()))
    record.save(tmp_path, "abc")
    project.write("NAME.py", "VALUE = 2\n")
    code = (
        "from research_runner.code.importing import install_from_environment as install; install(); "
        f"import {project.name}; print({project.name}.VALUE)"
    )
    environment = {**os.environ, VARIABLE: str(listing_of(tmp_path, "abc"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=tmp_path,
    )
    assert done.stdout == "1\n"


def test_a_block_leaves_nothing_installed(recorded):
    with installed_for(()):
        pass
    assert installed() is not None
    assert pickle.loads(pickle.dumps(recorded.load("NAME.inner").fail)) is recorded.load("NAME.inner").fail
