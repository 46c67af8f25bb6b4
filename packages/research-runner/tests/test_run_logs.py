"""Log files."""

import logging

from research_runner.worker.logs import research_log


def test_folder_of_a_log_may_be_made_after_the_log(tmp_path):
    folder = tmp_path / "later"
    with research_log(folder, logging.INFO):
        folder.mkdir()
        logging.getLogger("research.test").info("hello")
    assert "hello" in (folder / "research.log").read_text()
