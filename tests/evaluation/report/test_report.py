import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from evaluation.gating.version_gates import decide
from evaluation.metrics.registry import METRICS, Score, headlines
from evaluation.report.charts import (
    Picture,
    class_chart,
    consistency_chart,
    curves_chart,
    utility_chart,
)
from evaluation.report.image_sheets import (
    contact_sheet,
    extremes,
    nearest_training,
    overlay,
    rejected_pairs,
    sheet_facets,
)
from evaluation.report.reading_table import AGREEMENT, ReadingTable
from evaluation.report.report import Report, render, write_report
from evaluation.report.wording import number
from evaluation.statistics.bootstrap import NOTHING, Estimate
from evaluation.utility.result import TaskUtility, Utility

TEMPLATE_VOID = {"meta", "img", "br", "col", "link"}


class Balance(HTMLParser):
    """Refuses a page whose elements are not closed in order, and collects what it would load."""

    def __init__(self):
        super().__init__()
        self.open, self.loads = [], []

    def handle_starttag(self, tag, attributes):
        self.loads += [v for k, v in attributes if k in {"src", "href"} and v]
        if tag not in TEMPLATE_VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.loads += [v for k, v in attributes if k in {"src", "href", "xlink:href"} and v]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def a_score(metric, value, *, low=None, high=None, n=10, **parameters):
    bounds = (value - 0.01 if low is None else low, value + 0.01 if high is None else high)
    return Score.of(metric, Estimate(value, *bounds, n), **parameters)


def scores_of(domains):
    names = [name for name in METRICS if not name.startswith("utility")]
    parts = [a_score(n, 0.1 * (i + 1), domain=d) for i, d in enumerate(domains) for n in names]
    classes = [
        a_score("consistency", 0.7, domain=d, **{"class": c}) for d in domains for c in ("x", "y")
    ]
    return [*parts, *classes, *(a_score(name, 0.5) for name in names)]


NUMBERS = {f"{name}{end}": 0.7 for name in ("iou", "nsd") for end in ("", "_low", "_high")}
NUMBERS |= {f"hd95{end}": math.nan for end in ("", "_low", "_high")}
KINDS = [("synthetic", "", 0), ("real", "10", 10), ("both", "10", 10), ("real", "all", 97)]


def levels_table(*, kinds=KINDS):
    return pd.DataFrame(
        [
            {"segmenter": "unet", "domain": domain, "kind": kind, "ratio": 2.0 * (kind == "both"),
             "real": real, "images": images, "class": "macro", "dice": 0.8, "dice_low": 0.78,
             "dice_high": math.nan, "provenance": "" if kind == "real" else "transfer",
             "weights": "last", "missed": 7, "false": 2, "n": 40, "seeds": 3} | NUMBERS
            for domain in ("a", "b")
            for kind, real, images in kinds
        ]
    )  # fmt: skip


def segmentation(masks, findings=None):
    return Utility({"segmentation": masks, "classification": findings or TaskUtility()})


def utility_of(*, classes=("macro",), equivalent_images=()):
    gains = pd.DataFrame(
        [
            {"segmenter": "unet", "domain": "a", "comparison": "both - real", "ratio": 2.0,
             "real": "10", "images": 10, "class": c, "provenance": "transfer", "gain": 0.021,
             "low": 0.004, "high": 0.037, "p": 0.01, "p_holm": 0.03, "n": 40, "patients": 38,
             "seeds": 3, "seed_sd": 0.01}
            for c in classes
        ]
    )  # fmt: skip
    return segmentation(TaskUtility(levels_table(), gains, pd.DataFrame(equivalent_images)))


def a_report(**changes):
    scores = changes.pop("scores", scores_of(["a", "b"]))
    gates = changes.pop("gates", {"consistency": ">= 0.4", "memorised_share": "<= 0.02"})
    whole = {
        "name": "lungs",
        "version": "v1",
        "pairs": 256,
        "decision": decide(gates, headlines(scores)),
        "scores": scores,
        "provenance": {"run": "0123456789ab", "snapshot": "SNAP"},
        "recipe": "name: lungs\n",
    }
    return Report(**(whole | changes))


def parsed(page):
    balance = Balance()
    balance.feed(page)
    assert not balance.open
    return balance


def test_pairs_without_a_mask_are_counted():
    assert "pairs, 7 of them without a mask." in render(a_report(maskless=7))
    assert "without a mask" not in render(a_report())
    assert "256 synthetic images, without masks." in render(a_report(maskless=256))
    assert "without" not in render(a_report()).split('class="lead"')[1].split("</p>")[0]


def test_the_page_is_whole_and_loads_nothing(discs):
    pictures = {
        "pairs": [contact_sheet(discs(6), {"discs": ("disc",)})],
        "consistency": [consistency_chart(scores_of(["a", "b"]))],
        "utility": [utility_chart(levels_table())],
    }
    page = render(a_report(pictures=pictures, utility=utility_of()))
    found = parsed(page)
    assert found.loads
    assert all(load.startswith(("data:image/png;base64,", "#")) for load in found.loads)
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert page.count("<svg") == 2


UNSEEN_ENDS = [f"{p}_{n}{e}" for p in ("seen", "unseen", "harmonic") for n in ("dice", "iou")
               for e in ("", "_low", "_high")]  # fmt: skip


def test_seen_and_unseen_classes_stand_apart():
    row = dict.fromkeys(UNSEEN_ENDS, 0.4) | {
        "segmenter": "unet", "domain": "a", "kind": "both", "ratio": 1.0, "real": "10",
        "images": 10, "unseen": ("opacity",), "unseen_dice": 0.123, "missed": 3, "false": 1,
        "n_seen": 40, "n_unseen": 17, "seeds": 3}  # fmt: skip
    utility = segmentation(replace(utility_of().segmentation, unseen=pd.DataFrame([row])))
    page = render(a_report(utility=utility))
    parsed(page)
    assert "Seen and unseen classes" in page
    for words in ("opacity", "0.123", "[0.400, 0.400]", ">17<"):
        assert words in page
    assert "Seen and unseen" not in render(a_report(utility=utility_of()))


def test_scores_stand_with_interval_n_and_controls():
    page = render(a_report(scores=[
        a_score("consistency", 0.934, low=0.921, high=0.945, n=211),
        a_score("consistency_real", 0.96, n=41),
        a_score("consistency_shuffled", 0.656, n=211),
    ], gates={}))  # fmt: skip
    for words in ("0.934", "[0.921, 0.945]", ">211<", "real <b>0.960</b>", "shuffled <b>0.656</b>"):
        assert words in page
    assert "constant" not in page.split("</table>")[0].split("<tbody>")[1]


def test_answers_come_first_and_tables_are_folded():
    page = render(a_report())
    first = page.index("Do the masks fit the images?")
    for found in re.finditer("<table", page):
        before = page[: found.start()]
        assert first < found.start()
        assert before.count("<details>") > before.count("</details>")


def test_gates_say_which_failed_and_by_how_much():
    page = render(a_report(version=""))
    assert "1 of 2 gates missed" in page
    assert "not published" in page
    assert "memorised_share = 0.5 misses &lt;= 0.02 by 0.48" in page
    assert "One gate" not in page
    met = render(a_report(gates={"consistency": ">= 0.4"}))
    # A gate says no more than it asks: it is never told in the colour of a good answer.
    assert "The one gate that its recipe sets is met" in met
    assert 'class="good"' not in met.split("<header>")[1].split("</header>")[0]
    assert "sets no gates" in render(a_report(gates={}))


def test_domains_and_classes_are_named_where_there_are_several():
    page = render(a_report())
    assert "By domain" in page
    assert "By class" in page
    assert "By domain" not in render(a_report(scores=scores_of(["a"])))


def test_what_could_not_be_measured_is_said(discs):
    page = render(a_report(scores=[Score.of("ms_ssim", NOTHING)], gates={}))
    assert "not measurable" in page
    assert "nan" not in page.split("<main>")[1].lower().replace("provenance", "")


def test_names_from_outside_cannot_become_markup():
    page = render(a_report(name="<script>alert(1)</script>", provenance={"a": "<img src=x>"}))
    assert "<script>" not in page
    assert "<img src=x>" not in page


def test_a_single_class_is_not_named_twice():
    page = render(a_report(utility=utility_of(classes=("lungs", "macro"))))
    assert "<td>macro</td>" in page
    assert "<td>lungs</td>" not in page
    page = render(a_report(utility=utility_of(classes=("left", "right", "macro"))))
    assert "<td>left</td>" in page
    assert "+0.021" in page
    assert "[+0.004, +0.037]" in page


def test_privacy_stands_with_what_could_be_certified_and_alarms_have_names():
    p_values = {name: 0.5 for name in METRICS if name.endswith("_p")} | {
        "two_sample_texture_p": 0.001
    }
    scores = [
        a_score("memorised_share", 0.01, n=300),
        a_score("memorised_certifiable", 0.0126, n=300),
        *(a_score(name, 0.6) for name in ("authenticity", "dcr_share")),
        a_score("alarms", 0),
        a_score("membership_advantage", 0.05, low=-0.02, high=0.12, n=400),
        *(a_score(name, p, n=300, domain="chest") for name, p in p_values.items()),
    ]
    page = render(a_report(scores=scores, gates={}))
    for words in ("certifiable <b>0.013</b>", "authenticity", "DCR share", "[-0.020, 0.120]"):
        assert words in page
    # Of six tests the smallest p counts six times: 6 · 0.001.
    assert ">chest</td>" in page
    assert ">texture differs: blur, noise or another scanner</td>" in page
    assert ">0.006</td>" in page
    quiet = [score for score in scores if score.metric != "two_sample_texture_p"]
    assert "No test found a difference." in render(a_report(scores=quiet, gates={}))


def test_the_decision_stands_with_its_evidence():
    evidence = {"decided by": "factory: lungs (0f)", "promoted": "better than <v1>"}
    page = render(a_report(evidence=evidence, rejected={"near copy": 3, "pair gate": 1}))
    parsed(page)
    assert "<dt>decided by</dt><dd>factory: lungs (0f)</dd>" in page
    assert "better than &lt;v1&gt;" in page
    assert "(95 % interval [0.490, 0.510], n = 10)" in page
    told = "besides rejected ones (3 near copy, 1 pair gate; a pair can have several reasons)."
    assert told in " ".join(page.split())


def test_gains_stand_with_their_seeds():
    gain = a_score("utility_gain", 0.02, n=40, segmenter="unet", real="10")
    page = render(a_report(scores=[gain], gates={}, utility=utility_of()))
    assert '40<span class="range">3 seeds</span>' in page


def test_rejected_pairs_stand_by_reason(discs):
    picture = rejected_pairs(discs(12), ["near copy"] * 10 + ["asked class absent"] * 2)
    assert "of 12 in all" in picture.caption
    # Eight of ten and two of two, image and overlay of each.
    assert len(picture.figure.axes) == 2 * (8 + 2)


def test_a_sheet_for_every_facet_that_divides_the_pairs_anew(discs):
    pairs = discs(6)
    pairs.facets["finding"] = ["a", "b", "a", "b", "a", "b"]
    pairs.facets["labels"] = ["x", "y", "x", "y", "x", "y"]  # as the finding does
    pairs.facets["text"] = ["one", "one", "two", "two", "one", "one"]
    assert sheet_facets(pairs) == ["finding", "text"]
    sheet = contact_sheet(pairs, {"discs": ("disc",)}, facet="text")
    assert sheet.name == "pairs-by-text"
    assert "6 of 6 pairs" in sheet.caption
    assert sheet_facets(discs(20)) == ["finding"]


def test_every_arm_that_was_not_run_says_so():
    page = render(a_report(utility=utility_of()))
    parsed(page)
    table, rest = page.split("Every kind of training</h3>")[1].split("</table>", 1)
    (line,) = re.findall(r"Not run: unet in a, b: (.*)\.", rest)
    # Seven kinds of ten, in both domains.
    assert len(line.split("; ")) == 7
    assert "real and synthetic pairs, 2 to 1" in table
    for words in ("transfer", "last", "0.800", ">7<", ">2<", ">40<", "not measurable"):
        assert words in table
    seen = page.split("What the generator had seen</h3>")[1]
    assert "synthetic, both" in seen
    assert [seen.count(name) for name in ("strict", "adapted", "not run", "unknown")] == [
        1,
        1,
        4,
        0,
    ]


def test_equivalent_images_are_in_the_report():
    row = {"segmenter": "unet", "domain": "a", "kind": "synthetic", "ratio": 0.0, "real": "",
           "own": 0, "images": 97.0, "low": 40.0, "high": math.inf, "fewest": 10, "most": 97,
           "n": 40, "seeds": 3, "words": "more than all 97 [40, more]"}  # fmt: skip
    assert "In real images" not in render(a_report(utility=utility_of()))
    assert "more than all 97 [40, more]" in render(
        a_report(utility=utility_of(equivalent_images=[row]))
    )


def test_a_run_of_real_arms_alone_has_a_page():
    levels = levels_table(kinds=[("real", "10", 10)]).assign(seeds=1)
    page = render(a_report(utility=segmentation(TaskUtility(levels))))
    assert "With a single seed" in page
    assert "Gains</h3>" not in page
    assert utility_chart(levels).svg


def classes_of(*, equivalent_images=()):
    told = {"classifier": "resnet", "domain": "a", "ratio": 0.0, "provenance": "transfer"}
    numbers = {f"{name}{end}": 0.9 for name in ("auroc", "balanced_accuracy")
               for end in ("", "_low", "_high")}  # fmt: skip
    level = {"weights": "last", "findings": ("benign", "malignant"), "n": 31, "patients": 30}
    levels = [
        told | numbers | level | {"kind": kind, "real": real, "images": images, "seeds": 3}
        for kind, real, images in KINDS
    ]
    gain = {"comparison": "both - real", "real": "10", "images": 10, "gain": 0.051, "low": 0.004,
            "high": 0.097, "p": 0.01, "p_holm": 0.02, "balanced_gain": -0.03, "balanced_low": -0.1,
            "balanced_high": math.nan, "n": 31, "patients": 30, "seeds": 3}  # fmt: skip
    return TaskUtility(
        pd.DataFrame(levels), pd.DataFrame([told | gain]), pd.DataFrame(equivalent_images)
    )


def test_classifiers_have_tables_of_their_own():
    row = {"classifier": "resnet", "domain": "a", "kind": "synthetic", "ratio": 0.0, "real": "",
           "own": 0, "images": 12.0, "low": 4.0, "high": 40.0, "fewest": 4, "most": 97,
           "n": 31, "seeds": 3, "words": "12 [4, 40]"}  # fmt: skip
    alone = segmentation(TaskUtility(), classes_of(equivalent_images=[row]))
    gain = a_score("utility_auroc_gain", 0.05, n=31, classifier="resnet", real="10")
    page = render(a_report(scores=[gain], gates={}, utility=alone))
    parsed(page)
    table, rest = page.split("Every kind of training of classifiers</h3>")[1].split("</table>", 1)
    assert len(rest.split("Not run: ")[1].split("</p>")[0].split("; ")) == 7
    for words in ("benign, malignant", "[0.900, 0.900]", ">31<", ">30<", "transfer"):
        assert words in table
    for words in ("12 [4, 40]", "+0.051", "[+0.004, +0.097]", "-0.030", "[-0.100, ?]"):
        assert words in page
    assert '31<span class="range">3 seeds</span>' in page
    assert "Here: resnet, 10 real images" in page
    assert "Every kind of training</h3>" not in page
    with_both = render(a_report(utility=segmentation(utility_of().segmentation, classes_of())))
    parsed(with_both)
    assert "Every kind of training</h3>" in with_both
    assert "Gains of classifiers</h3>" in with_both
    assert "Classifiers, in real images" not in with_both


def test_classifiers_have_a_chart_of_their_own():
    chart = class_chart(classes_of().levels)
    assert chart.svg
    assert chart.title == "What classifiers learn from the pairs"
    assert chart.name != utility_chart(levels_table()).name


def test_the_file_is_written_where_no_folder_was(tmp_path):
    path = write_report(a_report(), tmp_path / "reports" / "lungs-v1.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.93412, "0.934"), (312.97, "313"), (12.345, "12.35"), (0.00042, "4.2e-04"), (0.0, "0.000"),
     (-0.5, "-0.500"), (math.nan, "not measurable")],
)  # fmt: skip
def test_numbers_have_as_many_digits_as_they_mean(value, words):
    assert number(value) == words


def test_the_overlay_outlines_and_covers_nothing_inside():
    image = np.full((1, 8, 8, 1), 100, np.uint8)
    mask = np.zeros((1, 8, 8), np.uint8)
    mask[0, 2:6, 2:6] = 1
    found = overlay(image, mask)[0]
    assert found[0, 0].tolist() == [100, 100, 100]
    assert found[2, 2].tolist() == [255, 183, 77]
    assert found[3, 3].tolist() == [100, 100, 100]


def test_a_sheet_has_a_row_for_every_finding_of_every_domain(discs):
    pairs = discs(12)
    pairs.facets["finding"] = ["a", "b", "c"] * 4
    pairs.facets.loc[:3, "domain"] = "other"
    sheet = contact_sheet(pairs, {"discs": ("disc",)})
    # Image and overlay of every pair.
    assert len(sheet.figure.axes) == 2 * 12
    assert len(sheet.figure.artists) == 6
    assert sheet.png.startswith(b"\x89PNG")


def test_extremes_leave_out_pairs_without_a_verdict(discs):
    dice = np.array([0.5, np.nan, 0.9, 0.7])
    picture = extremes(discs(4), dice)
    assert [text.get_text() for text in picture.figure.texts] == [
        "0.500", "0.700", "0.900", "0.900", "0.700", "0.500"
    ]  # fmt: skip


def test_the_nearest_training_images_say_which_are_copies(discs):
    table = pd.DataFrame(
        {"pair": [0, 1], "nearest": [2, 0], "nearest_distance": [0.8, 0.1], "copied": [False, True]}
    )
    picture = nearest_training(discs(2), discs(3), table)
    assert [text.get_text() for text in picture.figure.texts] == ["0.10 near copy", "0.80"]


def test_charts_take_the_colours_of_the_page():
    table = pd.DataFrame({"step": [1, 2], "value": [1.0, 0.5]})
    picture = curves_chart({"image": table}, title="Loss", value="loss")
    assert "var(--ink)" in picture.svg
    assert picture.svg.startswith('<svg role="img" aria-label="Chart: Loss.')
    # Of several charts in a page each has ids of its own.
    assert all(name.startswith("loss-") for name in re.findall(r'\bid="([^"]*)"', picture.svg))
    ends = re.findall(r'(?:url\(|href=")#([^")]*)', picture.svg)
    assert set(ends) <= set(re.findall(r'\bid="([^"]*)"', picture.svg))
    assert "#1b2a3a" not in picture.svg
    assert isinstance(picture, Picture)
    assert picture.png.startswith(b"\x89PNG")


def test_charts_stand_scores_that_are_unknown():
    unknown = [Score.of(name, NOTHING, domain="a") for name in METRICS]
    assert consistency_chart(unknown).svg


def test_one_size_of_real_images_stands_in_the_middle_of_its_axis():
    levels = levels_table(kinds=[("synthetic", "", 0), ("real", "8", 8), ("both", "8", 8)])
    for axes in utility_chart(levels).figure.axes:
        assert axes.get_xlim() == (4, 16)
        places = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
        assert all(7 < place < 9 for place in places)


def test_the_top_counts_the_answers_and_is_no_better_than_they_are():
    scores = [
        *(a_score("coverage", 0.0, domain=name) for name in "ab"),
        *(a_score("coverage_real", 0.9, domain=name) for name in "ab"),
        a_score("coverage", 0.0),
        a_score("consistency_closed", 0.9),
    ]
    top = render(a_report(scores=scores, gates={"consistency_closed": ">= 0.5"})).split("<nav")[0]
    assert "Of 6 questions below the answers are: 1 good, 1 bad, 4 not measured." in top
    assert '<span class="verdict bad">✕ bad</span>' in top
    assert "Worst in a, bad in 2 of 2 domains" in top


def test_origin_use_and_change_are_told():
    facts = {
        "forbidden use": "Diagnosis",
        "licence of the data learnt from": "CC0",
        "cost": "3 min",
        "changed since v1": "2 added",
    }
    page = render(a_report(facts=facts))
    for name, entry in facts.items():
        assert f"<dt>{name}</dt><dd>{entry}</dd>" in page


def test_a_blinded_reading_has_a_section_where_there_was_one():
    unknown = math.nan
    told = {
        "accuracy": (0.8, 0.7, 0.9), "d_prime": (1.7, 0.9, math.inf), "grade_difference": (0.1, -0.2, 0.4),
        "synthetic_as_synthetic": (24, unknown, unknown), "real_as_synthetic": (6, unknown, unknown),
    }  # fmt: skip
    whole = told | dict.fromkeys(AGREEMENT, (0.4, 0.1, 0.7))
    whole |= {"called_real_with_dice": (0.3, -0.1, 0.6), "grade_with_dice": (unknown,) * 3}
    by = {("", ""): whole, ("anna", ""): told, ("bo", ""): told, ("", "phantom-chest-xray"): told}
    rows = [
        {"reader": reader, "domain": domain, "statistic": name, "n": 30}
        | dict(zip(("value", "low", "high"), values, strict=True))
        for (reader, domain), found in by.items()
        for name, values in found.items()
    ]
    reading = ReadingTable.of("lungs-v1", pd.DataFrame(rows))
    page = render(a_report(readings=[reading]))
    parsed(page)
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "lungs-v1: 2 readers" in words
    assert "1.700 [0.900, ∞]" in words
    assert "24 of 30" in words
    assert "Fleiss&#39; kappa, real or synthetic 0.400 [0.100, 0.700] 30" in words
    assert "dice 0.300 [-0.100, 0.600] -" in words
    assert words.index(" anna ") < words.index(" bo ") < words.rindex("phantom chest X-ray")
    assert 'id="readers"' not in render(a_report())
