import re
import shutil
from html.parser import HTMLParser

import edgesynth
from edgesynth.lineage import Run
from edgesynth.lineage.storage.sealed import read_sealed, write_sealed
from edgesynth.report import read_lineage, write_report
from edgesynth.report.benchmarks import read_benchmarks
from edgesynth.report.headline import headline

from .world import add, measurement, write_result

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Tags, ids, references and text of a page; a tag that is not closed in its turn is an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.references, self.text, self.rows = [], [], [], [], "", []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        named = dict(attributes)
        self.ids += [named["id"]] if "id" in named else []
        self.references += [named[key] for key in ("src", "href", "xlink:href", "srcset", "data") if key in named]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if self.open[-1:] and {"th", "td"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def words(self):
        return " ".join(self.text.split())

    def row(self, name):
        """Cells of the first row of that name."""
        return next(row for row in self.rows if row and row[0] == name)


def page(run):
    return Page(write_report(run).read_text(encoding="utf-8"))


def figures(run):
    """{label: (value, detail)} of the headline."""
    found = headline(read_lineage(run), read_benchmarks(run.path))
    return {figure.label: (figure.value, figure.detail) for figure in found}


def test_the_page_is_written_into_the_run_and_nothing_else_is(benchmarked_run):
    before = set(benchmarked_run.path.rglob("*"))
    path = write_report(benchmarked_run)
    assert path == benchmarked_run.path / "report.html"
    assert set(benchmarked_run.path.rglob("*")) - before == {path}


def test_the_same_run_gives_the_same_bytes(benchmarked_run):
    first = write_report(benchmarked_run).read_bytes()
    assert write_report(Run.open(benchmarked_run.path)).read_bytes() == first


def test_the_page_needs_nothing_from_outside(benchmarked_page):
    found = Page(benchmarked_page)
    assert found.references and all(reference.startswith("#") for reference in found.references)
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(found.tags)
    assert "@import" not in benchmarked_page
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", benchmarked_page))


def test_every_reference_within_the_page_has_its_one_target(benchmarked_page):
    found = Page(benchmarked_page)
    assert len(set(found.ids)) == len(found.ids)
    targets = {reference[1:] for reference in found.references} | set(re.findall(r"url\(#([^)]*)\)", benchmarked_page))
    assert targets <= set(found.ids)


def test_the_headline_holds_the_hand_computed_figures(run):
    assert figures(run) == {
        "Synaptic efficiency": ("7.30 ×", "430,500 → 59,000 synapses"),
        "Cluster efficiency": ("1.97 ×", "580 → 295 clusters"),
        "MACs": ("3.55 × fewer", "2,293,000 → 646,500 MACs"),
        "Validation accuracy": ("98.00 %", "98.67 → 98.00 %; floor 97.67 %"),
        "Test accuracy": ("97.33 %", "98.33 % → 97.33 %"),
        "Latency": ("2.50 × faster", "0.800 → 0.320 ms, batch 1, timed by edgesynth evolve"),
    }


def test_the_headline_stands_on_the_page(stopped_page):
    words = Page(stopped_page).words
    assert "Synaptic efficiency 7.30 × 430,500 → 59,000 synapses" in words
    assert "Latency 2.50 × faster 0.800 → 0.320 ms" in words


def test_a_slower_network_is_called_slower(run):
    run.save_measured("g002-c1", {"latency_ms": 1.6})
    assert figures(run)["Latency"][0] == "2.00 × slower"


def test_without_latencies_from_breeding_two_comparable_bundles_give_the_ratio(run):
    run.save_measured("g000-c0", {})
    write_result(run, "g000-c0", measurement("fp32", 0.5))
    write_result(run, "g002-c1", measurement("fp32", 0.25))
    assert figures(run)["Latency"][0] == "2.00 × faster"


def test_the_reason_of_the_stop_is_told(stopped_page):
    assert "Why the run stopped: g002-c1 has at most 80,000 synapses." in Page(stopped_page).words


def test_the_table_holds_the_exact_counts(stopped_page):
    # Sparse bytes: dense conv1, conv2, fc2; fc1 in compressed rows of 200 values and 2-byte indices; biases.
    sparse = 4 * (250 + 6250 + 2500) + (250 * 200 * 6 + 251 * 4) + 4 * 295
    assert Page(stopped_page).row("g002-c1") == [
        "g002-c1", "98.00", "59,000", "295", "646,500", "7.30", "1.97", "109,295", f"{sparse:,}", "0.320", "9.5",
    ]  # fmt: skip


def test_siblings_stand_in_the_folded_table_with_their_feasibility(stopped_page):
    found = Page(stopped_page)
    assert "details" in found.tags
    assert found.row("g002-c0")[:5] == ["g002-c0", "g001-c0", "no", "no", "61.00"]
    assert found.row("g001-c1")[:5] == ["g001-c1", "g000-c0", "yes", "no", "98.00"]


def test_what_was_not_measured_is_a_dash_with_its_reason_and_never_zero(unmeasured_page):
    found = Page(unmeasured_page)
    assert found.row("g002-c1")[-2:] == ["–", "–"]
    assert "–: not measured (the individual's measured.json has no such figure" in found.words
    assert not any(re.fullmatch(r"0(\.0+)?", cell) for row in found.rows for cell in row)


def test_a_run_without_an_outcome_says_that_it_has_not_stopped(unmeasured_page):
    found = Page(unmeasured_page)
    assert "There is no best individual yet: the figures are those of g002-c1" in found.words
    assert "The run has not stopped yet" in found.words and "Why the run stopped" not in found.words


def test_what_the_headline_lacks_is_called_not_measured_with_its_reason(unmeasured_run):
    found = figures(unmeasured_run)
    assert found["Test accuracy"] == ("not measured", "the test split was not read for g002-c1")
    assert found["Latency"] == ("not measured", "no latency of both g000-c0 and g002-c1 that can be compared")


def test_a_run_that_stopped_without_a_feasible_individual_says_so(run):
    run.save_outcome({**run.outcome(), "best": None, "reason": "nobody was good enough"})
    words = page(run).words
    assert "No individual met the accuracy floor" in words and "nobody was good enough." in words


def test_a_run_with_the_ancestor_alone_has_a_page(empty_run, lenet):
    add(empty_run, lenet, (0, 0))
    found = page(empty_run)
    assert found.row("g000-c0")[:3] == ["g000-c0", "98.67", "430,500"]
    assert figures(empty_run)["Latency"][1] == "g000-c0 is the ancestor: nothing to compare it with yet"


def test_a_missing_parent_is_named(empty_run, lenet):
    add(empty_run, lenet, (0, 0))
    add(empty_run, lenet, (2, 1))
    assert "breaks off at g002-c1: its parent g001-c0 is not in the run" in page(empty_run).words


def test_an_accuracy_that_is_not_a_number_is_a_dash(run):
    path = run.folder("g001-c1") / "individual.json"
    write_sealed(path, {**read_sealed(path), "validation": float("nan")})
    assert page(run).row("g001-c1")[4] == "–"


def test_without_a_benchmark_the_command_to_run_is_given(run):
    command = f"edgesynth export {run.path}:g002-c1 && edgesynth benchmark {run.path}/bundles/g002-c1"
    assert f"no bundle of this run has been benchmarked. Do it with {command}" in page(run).words


def test_a_bundle_that_waits_for_its_benchmark_is_named_in_the_command(run):
    (run.path / "bundles" / "mine").mkdir(parents=True)
    assert f"Do it with edgesynth benchmark {run.path}/bundles/mine" in page(run).words


def test_the_figures_of_a_benchmark_stand_in_their_table(benchmarked_page):
    found = Page(benchmarked_page)
    latency = measurement("int8", 0.125)["latency_ms"]
    row = found.row("int8")
    assert row[1:5] == ["1", f"{latency['p50']:.3f}", f"{latency['p90']:.3f}", f"{latency['p99']:.3f}"]
    assert row[8:] == ["400", f"{1000 / latency['mean']:,.1f}", "2.00", "97.67", "123,456"]
    assert found.row("fp32")[10] == "–"


def test_energy_and_flags_of_each_measurement_are_told(benchmarked_page):
    rows = [row for row in Page(benchmarked_page).rows if len(row) == 4]
    assert rows[1:] == [
        ["fp32", "1", "not measured: no RAPL found: /sys has no powercap", "none"],
        ["fp32", "8", "not measured: no RAPL found: /sys has no powercap", "unsteady: the latencies vary by 31.0 %"],
        ["int8", "1", "12.500 mJ/image, 80.0 images/J (79.1 to 80.9) (rapl, package-0)", "none"],
    ]


def test_there_is_one_histogram_for_each_precision_of_the_first_batch(benchmarked_page):
    labels = re.findall(r'aria-label="(Histogram[^"]*)"', benchmarked_page)
    assert labels == [
        "Histogram of 400 latencies of g002-c1, fp32, batch 1",
        "Histogram of 400 latencies of g002-c1, int8, batch 1",
    ]


def test_a_result_without_raw_latencies_has_its_table_and_no_histogram(run):
    write_result(run, "g002-c1", measurement("fp32", 0.25, samples_ms=[]))
    found = page(run)
    assert "No histogram: the result holds no raw latencies." in found.words
    assert found.row("fp32")[8] == "400"


def test_a_damaged_result_is_named_in_the_page_and_is_not_fatal(benchmarked_run):
    write_result(benchmarked_run, "broken").write_text("{")
    found = page(benchmarked_run)
    assert "bundles/broken/result.json cannot be read and is left out: is not JSON" in found.words
    assert found.row("int8")[10] == "2.00"


def test_a_damaged_result_alone_still_gives_the_command(run):
    write_result(run, "broken").write_text("{")
    words = page(run).words
    assert "bundles/broken/result.json cannot be read" in words and "edgesynth benchmark" in words


def test_names_with_html_characters_are_escaped(run, tmp_path):
    fields = ("individual", "machine", "flags", "precision", "reason", "run")
    evil = {field: f'<script>alert("{field}")</script>&"\'' for field in fields}
    evil["run"] = evil["run"].replace("/", "")
    run.save_outcome({**run.outcome(), "reason": evil["reason"]})
    run = Run.open(shutil.copytree(run.path, tmp_path / evil["run"]))
    one = {**measurement("fp32", 0.25, flags=[evil["flags"]]), "precision": evil["precision"]}
    write_result(run, "g002-c1", one, individual=evil["individual"], machine={"cpu": evil["machine"]})
    found = page(run)
    assert "script" not in found.tags
    assert [field for field in fields if evil[field] not in found.text] == []


def test_configuration_machine_and_version_are_told(stopped_page):
    found = Page(stopped_page)
    assert 'ancestor = "lenet5"' in found.text and "min_accuracy = 97.67" in found.text
    assert f"edgesynth{edgesynth.__version__}" in found.text
    assert "load_1min" not in found.text


def test_every_figure_is_said_aloud(stopped_page):
    assert len(re.findall(r'<svg role="img" aria-label="[^"]+"', stopped_page)) == stopped_page.count("<svg") == 5
