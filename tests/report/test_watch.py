"""`cimlearn watch`: progress from a folder alone, a server that nobody else reaches, a browser that follows."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, set_up
from report_study import make_study

from cimlearn.cli.watch import HOST, server
from cimlearn.errors import InputError
from cimlearn.report import write_report
from cimlearn.report.watch import live_page, progress


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of four runs of which two are there: one finished, one with a task of three."""
    root = make_study(tmp_path / "widths", hidden=(50, 100), twin=False)
    runs = sorted((root / "runs").iterdir())
    names = {run.name.replace(",", "/"): f"runs/{run.name}" for run in runs}
    (root / "runs.json").write_text(json.dumps(names))
    for run in runs[2:]:
        shutil.move(run, tmp_path / run.name)
    records = runs[1] / "records.jsonl"
    records.write_text(records.read_text().splitlines(keepends=True)[0])
    return root


def _serving(folder: Path) -> Iterator[int]:
    with server(folder) as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield one.server_address[1]
        finally:
            one.shutdown()
            thread.join()


@pytest.fixture
def port(study: Path) -> Iterator[int]:
    yield from _serving(study)


def _get(port: int, path: str, host: str | None = None) -> tuple[int, str]:
    connection = HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_progress_is_read_from_the_folder(study: Path) -> None:
    found = progress(study)
    assert (found.total, found.finished, found.running, found.tasks) == (4, 1, 1, 4)
    assert not found.failures and not found.ended
    (study / "failures.json").write_text(
        json.dumps({"m2ru/hidden=100/seed=0": "no space", "b": "x", "c": "y"})
    )
    later = progress(study)
    assert later.failures["b"] == "x" and later.ended and later.stamp != found.stamp
    with pytest.raises(InputError, match="there is no folder"):
        progress(study / "absent")


def test_the_most_runs_of_a_search_come_from_its_description(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("name = 's'\nseeds = 2\n[search]\ntrials = 5\n")
    assert progress(tmp_path).total == 10
    assert "Nothing is recorded yet" in live_page(tmp_path)


def test_it_serves_the_page_its_state_and_the_runs_pages(study: Path, port: int) -> None:
    status, page = _get(port, "/")
    assert (
        status == 200
        and '<progress id="done"' in page
        and "connect-src 'self'" in page
        and "compared sortable" in page
    )
    status, said = _get(port, "/state")
    assert status == 200 and json.loads(said)["finished"] == 1
    run = next((study / "runs").iterdir())
    write_report(run)
    assert _get(port, f"/runs/{run.name}/report.html")[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/run.json", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/report.html", "/state/", "/runs.json"],
)
def test_it_serves_nothing_else(port: int, path: str) -> None:
    assert _get(port, path)[0] == 404


def test_it_listens_here_only_and_answers_no_other_name(study: Path, port: int) -> None:
    with server(study) as one:
        assert one.server_address[0] == "127.0.0.1"
    assert _get(port, "/state", host="evil.example:80")[0] == 403
    assert _get(port, "/state", host=f"localhost:{port}")[0] == 200
    with pytest.raises(InputError, match=f"--port {port}"):
        server(study, port)


def test_a_browser_follows_a_running_study(study: Path, port: int, tmp_path: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    with chromium(tmp_path / "profile") as browser:
        set_up(browser)
        browser.get(f"http://{HOST}:{port}/")

        def said() -> str:
            return browser.execute_script("return document.getElementById('said')?.textContent ?? ''")

        def designs() -> int:
            return browser.execute_script(
                "return document.querySelectorAll('[data-view=designs] tbody tr').length"
            )

        wait: Any = WebDriverWait(browser, 30)
        wait.until(lambda _: said().startswith("1 of 4 runs finished"))
        assert "1 begun" in said() and "4 tasks learned" in said()
        before = designs()
        for run in sorted(tmp_path.glob("m2ru*")):  # the others finish
            shutil.move(run, study / "runs" / run.name)
        wait.until(lambda _: said().startswith("3 of 4 runs finished"))
        wait.until(lambda _: designs() > before)  # the curves and tables have been drawn anew
        (study / "failures.json").write_text(json.dumps({"m2ru/hidden=50/seed=1": "the disk is full"}))
        wait.until(lambda _: "done" in said())
        assert "the disk is full" in browser.find_element("id", "failures").text
        assert browser.get_log("browser") == []
