"""The pages in a real browser: they open from a file, and can be used with a pointer, with keys, and on a phone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from browser import axe_core, chromium, serious, set_up
from firefox import firefox
from report_run import make_run
from report_study import make_study

from cimlearn.report import write_report
from cimlearn.report.compare.page import write_page
from cimlearn.report.compare.read import read_runs, read_study

CSS = "css selector"
RIGHT, ENTER = "\ue014", "\ue007"  # WebDriver's key codes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study, its page, the page of one of its runs, and a page of two benchmarks."""
    root = make_study(tmp_path_factory.mktemp("studies") / "widths")
    write_report(root / "runs" / "m2ru,hidden=50,seed=1")
    write_page(read_study(root), root)
    other = make_run(root.parent / "other", tasks=2, stream="split-mnist")
    write_page(read_runs([root / "runs" / "m2ru,hidden=50,seed=0", other]), root.parent / "two")
    return root


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(program: Any, folder: Path) -> Any:
    """The page of the study, fresh, on a wide light screen."""
    set_up(program)
    program.get("about:blank")
    program.get_log("browser"), program.get_log("performance")
    program.get((folder / "index.html").as_uri())
    return program


def find(browser: Any, selector: str) -> Any:
    return browser.find_element(CSS, selector)


def column(browser: Any, name: str, table: str = "[data-view=designs]") -> list[str]:
    """The texts of the visible rows in the column whose head begins with `name`."""
    return browser.execute_script(
        "const t = document.querySelector(arguments[1] + ' table');"
        "const k = [...t.tHead.rows[0].cells].findIndex(c => c.innerText.trim().startsWith(arguments[0]));"
        "return [...t.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[k].innerText.split(' ±')[0].trim())",
        name,
        table,
    )


def head(browser: Any, name: str) -> Any:
    heads = browser.find_elements(CSS, "[data-view=designs] thead th")
    return next(h for h in heads if h.text.startswith(name))


def active(browser: Any) -> Any:
    return browser.switch_to.active_element


def on_screen(browser: Any, element: Any) -> bool:
    return browser.execute_script(
        "const b = arguments[0].getBoundingClientRect(); return b.height > 0 && b.top >= 0 && b.bottom <= innerHeight",
        element,
    )


def wait(browser: Any, condition: Callable[[], object]) -> None:
    """Until the browser has done what an event sets off."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 30).until(lambda _: condition())


def press(element: Any, *keys: str) -> None:
    from selenium.webdriver.common.keys import Keys

    element.send_keys(*[getattr(Keys, key) for key in keys])


def test_it_opens_from_a_file_asks_for_nothing_else_and_complains_of_nothing(browser: Any) -> None:
    assert browser.get_log("browser") == []
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    assert [url.rpartition("/")[2] for url in urls] == ["index.html"]
    assert find(browser, "h1").text == "Study ‘widths’"


def test_sorting_by_pointer_and_by_key(browser: Any) -> None:
    assert column(browser, "Design")[0].startswith("1")
    accuracy = head(browser, "Accuracy")
    assert accuracy.get_attribute("aria-sort") is None
    accuracy.find_element(CSS, "button").click()  # more is better: the best first
    values = [float(v) for v in column(browser, "Accuracy")]
    assert accuracy.get_attribute("aria-sort") == "descending" and values == sorted(values, reverse=True)
    press(accuracy.find_element(CSS, "button"), "ENTER")
    assert accuracy.get_attribute("aria-sort") == "ascending"
    assert [float(v) for v in column(browser, "Accuracy")] == values[::-1]
    energy = head(browser, "Learning energy")
    for way in ("ascending", "descending"):
        press(energy.find_element(CSS, "button"), "SPACE")
        assert energy.get_attribute("aria-sort") == way and accuracy.get_attribute("aria-sort") is None
        found = column(browser, "Learning energy")
        numbers = [float(v.replace(",", "")) for v in found[:-1]]
        assert found[-1] == "–" and numbers == sorted(numbers, reverse=way == "descending")


def test_filter(browser: Any) -> None:
    box = find(browser, "input[type=search]")
    box.send_keys("chip 400")
    assert len(column(browser, "Design")) == 1
    assert find(browser, "form.filter output").text == "1 of 4"
    find(browser, "input[value=runs]").click()
    assert find(browser, "form.filter output").text == "2 of 7"
    box.clear()
    box.send_keys("nothing like it")
    assert find(browser, "form.filter output").text == "0 of 7"


def test_a_point_leads_to_its_row_and_the_row_to_the_run(browser: Any, folder: Path) -> None:
    find(browser, "input[type=search]").send_keys("float")  # hides the row that is asked for
    find(browser, "svg.pareto a[data-design='2'] .mark").click()
    row = find(browser, "#d2")
    wait(browser, lambda: active(browser) == row and on_screen(browser, row))
    assert browser.current_url.endswith("#d2")
    assert "hidden 50" in row.text
    row.find_element(CSS, "td.links a:nth-of-type(2)").click()  # the run of seed 1
    wait(browser, lambda: active(browser).get_attribute("id").startswith("r"))
    run = active(browser)
    assert browser.current_url.endswith(f"#{run.get_attribute('id')}") and on_screen(browser, run)
    assert "hidden=50,seed=1" in run.text
    assert not find(browser, "[data-view=designs]").is_displayed()
    run.find_element(CSS, "a").click()
    wait(browser, lambda: browser.current_url.endswith("report.html"))
    assert unquote(browser.current_url) == f"file://{folder}/runs/m2ru,hidden=50,seed=1/report.html"
    assert find(browser, "h1").text == "M2RU on permuted-mnist"


def test_points_with_keys_alone(browser: Any) -> None:
    find(browser, "svg.pareto a[tabindex='0']").send_keys("")  # focus, as the Tab key gives it
    first = active(browser).get_attribute("data-design")
    assert first == "2"  # the least energy
    press(active(browser), "ARROW_RIGHT")
    assert active(browser).get_attribute("data-design") == "3"
    press(active(browser), "END")
    assert active(browser).get_attribute("data-design") == "4"
    assert len(browser.find_elements(CSS, "svg.pareto a[tabindex='0']")) == 1
    press(active(browser), "ENTER")
    wait(browser, lambda: active(browser).get_attribute("id") == "d4" and on_screen(browser, active(browser)))


def test_the_choice_of_axes_draws_again_and_back_to_the_same_picture(browser: Any) -> None:
    from selenium.webdriver.support.select import Select

    def picture() -> list[str]:
        shown = browser.find_elements(CSS, "svg.pareto > :not(.points), svg.pareto a:not([display])")
        return [one.get_attribute("outerHTML") for one in shown]

    set_up(browser, script=False)
    browser.refresh()
    static = browser.page_source
    set_up(browser)
    browser.refresh()
    before = picture()
    across, up = (Select(one) for one in browser.find_elements(CSS, "form.axes select"))
    across.select_by_value("accuracy")
    up.select_by_value("forgetting")
    assert (
        find(browser, "svg.pareto .y-name")
        .get_attribute("textContent")
        .startswith("Forgetting [points], less")
    )
    shown = browser.find_elements(CSS, "svg.pareto a:not([display])")
    assert len(shown) == 4 and find(browser, "form.axes output").text == ""  # the twin has both
    across.select_by_value("learning_J")
    assert find(browser, "form.axes output").text.startswith("3 of 4 designs")
    assert picture() != before
    up.select_by_value("accuracy")
    assert picture() == before
    for path in (".front", "a:not([display]) .bars"):  # what Python drew is what the script draws
        d = find(browser, f"svg.pareto {path}").get_attribute("d")
        assert f'class="{path.rpartition(".")[2]}" d="{d}"' in static and len(d) > 8


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark(browser: Any, dark: bool) -> None:
    set_up(browser, dark=dark)

    def colour(selector: str, what: str) -> int:
        rgb = find(browser, selector).value_of_css_property(what)
        return sum(int(part) for part in rgb[rgb.index("(") + 1 : -1].split(",")[:3])

    assert (colour("body", "background-color") < 150) is dark
    assert (colour(".chart .x-name", "fill") > 600) is dark
    assert (colour(".compared tbody th", "background-color") < 150) is dark


@pytest.mark.parametrize(
    "name", ["index.html", "runs/m2ru,hidden=50,seed=1/report.html", "../two/index.html"]
)
def test_a_phone_scrolls_down_only(browser: Any, folder: Path, name: str) -> None:
    set_up(browser, width=360, height=740)
    browser.get((folder / name).resolve().as_uri())
    assert browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('.scroll, figure, form, .tile, h1, p')]"
        ".filter(e => e.offsetWidth).map(e => Math.round(e.getBoundingClientRect().right))"
    )
    assert boxes and max(boxes) <= 360


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(browser: Any, folder: Path, width: int, dark: bool) -> None:
    """axe-core (npm install axe-core, or AXE_CORE=/path/axe.min.js) on every kind of page, all folds open."""
    axe = axe_core()
    set_up(browser, width=width, dark=dark)
    for name in ("index.html", "runs/m2ru,hidden=50,seed=1/report.html", "../two/index.html"):
        browser.get((folder / name).resolve().as_uri())
        assert serious(browser, axe) == [], name


def test_without_script_everything_is_there(browser: Any) -> None:
    set_up(browser, script=False)
    browser.refresh()
    assert all(view.is_displayed() for view in browser.find_elements(CSS, "[data-view]"))
    assert not any(form.is_displayed() for form in browser.find_elements(CSS, "form"))
    assert find(browser, "svg.curves").is_displayed() and find(browser, "svg.pareto").is_displayed()
    find(browser, "svg.pareto a[data-design='3'] .mark").click()
    wait(browser, lambda: browser.current_url.endswith("#d3"))
    set_up(browser)


def test_two_benchmarks_have_a_section_each(browser: Any, folder: Path) -> None:
    browser.get((folder.parent / "two/index.html").as_uri())
    assert "nothing is averaged or ranked" in find(browser, ".notice").text
    assert len(browser.find_elements(CSS, "section.benchmark")) == 2
    assert browser.get_log("browser") == []


def test_parameters_of_a_run_can_be_filtered_and_sorted(browser: Any, folder: Path) -> None:
    browser.get((folder / "runs/m2ru,hidden=50,seed=1/report.html").as_uri())
    assert browser.get_log("browser") == []
    find(browser, "#parameters summary").click()
    find(browser, "#filter button.changed").click()
    shown = [r for r in browser.find_elements(CSS, "table.entries tbody tr") if r.is_displayed()]
    assert {r.find_element(CSS, "code").text for r in shown} == {"network.hidden", "rule.rate"}
    find(browser, "table.entries thead button").click()
    assert find(browser, "table.entries thead th").get_attribute("aria-sort") == "ascending"


def test_firefox_shows_the_same(folder: Path, tmp_path: Path) -> None:
    """The dark page: sorting, keys from mark to row, another axis, a phone's width, no complaint."""
    with firefox(tmp_path, dark=True) as page:
        page.open((folder / "index.html").as_uri())
        assert page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(18, 20, 23)"
        page.click(
            "[data-view=designs] thead th:nth-child(4) button"
        )  # without a window, keys press no buttons here
        page.until(
            "document.querySelector('[data-view=designs] thead th:nth-child(4)').hasAttribute('aria-sort')"
        )
        page.ask("document.querySelector('svg.pareto a[tabindex=\"0\"]').focus()")
        page.press(RIGHT)
        page.until("document.activeElement.dataset.design === '3'")
        page.press(ENTER)
        page.until("location.hash === '#d3' && document.activeElement.id === 'd3'")
        page.ask(
            "(s => { s.value = 'forgetting'; s.dispatchEvent(new Event('change')); })"
            "(document.querySelector('.axes select'))"
        )
        assert page.ask("document.querySelector('svg.pareto .x-name').textContent").startswith("Forgetting")
        page.resize(360, 740)
        assert page.ask("document.documentElement.scrollWidth") <= 360
        assert page.complaints == []
