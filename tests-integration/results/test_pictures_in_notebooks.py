"""A notebook shows a picture once, whether or not it is the value of the cell."""

import nbformat
import pytest
from nbclient import NotebookClient

SETUP = """
import matplotlib.pyplot as plt
from research_results import ResearchResults
results = ResearchResults('memory', dump_results=False)
for lr in (1, 2):
    results.put(str(lr), {'loss': {0: 1.0, 1: lr / 4}, 'error': {0: 0.5, 1: lr}}, {'lr': lr})
"""

CELLS = {
    "results.plot('loss')": 1,
    "results.plot('loss');": 1,
    "figure = results.plot('loss')": 1,
    "figure": 1,
    "for name in ('loss', 'error'): results.plot(name)": 2,
    "plt.figure(figsize=(3, 3))\nresults.plot('loss')": 1,
    "fig, axes = plt.subplots()\nresults.plot('loss', ax=axes)": 1,
    "results.plot('loss')\nplt.title('t')\nplt.show()": 1,
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    cells = [nbformat.v4.new_code_cell(code) for code in (SETUP, *CELLS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    resources = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    NotebookClient(notebook, timeout=200, kernel_name="python3", resources=resources).execute()
    return [
        sum("image/png" in output.get("data", {}) for output in cell["outputs"])
        for cell in notebook.cells[1:]
    ]


def test_each_picture_is_shown_once(pictures):
    assert dict(zip(CELLS, pictures, strict=True)) == CELLS
