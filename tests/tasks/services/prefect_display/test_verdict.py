"""The verdict of a run in words and as a table, and a server that is not there to be told."""

import logging
import math
from dataclasses import replace
from pathlib import Path

from prefect.settings import PREFECT_API_URL, temporary_settings

from evaluation.gating.version_gates import decide
from evaluation.metrics.registry import Score
from tasks.services.prefect_display import artifacts, courier, verdict
from tasks.services.prefect_display.verdict import RunVerdict


def judged(version, **values):
    scores = {
        name: Score(name, value, value, value, 9, "", True, {}) for name, value in values.items()
    }
    gates = {"consistency": ">= 0.5", "coverage": ">= 0.5"}
    return RunVerdict("my_Set", version, decide(gates, scores), Path("/home/r/set-v1.html"))


def test_what_is_published_is_said_with_its_gates():
    told = judged("v1", consistency=0.75, coverage=0.5)
    assert told.line == "my_Set v1 is published: all 2 gates are met"
    again = replace(told, news=False)
    assert again.line.startswith("my_Set v1 was published before and nothing is new: all 2")
    assert "| consistency | 0.75 | >= 0.5 | yes |" in told.markdown
    assert "/home/r/set-v1.html" in told.markdown


def test_a_record_names_no_place_of_this_machine():
    told = judged("v1", consistency=0.75, coverage=0.5)
    assert told.tags["medpair.report"] == "set-v1.html"
    assert "`set-v1.html`, among the artifacts" in told.note
    assert "/home" not in told.note
    assert "| consistency | 0.75 | >= 0.5 | yes |" in told.note


def test_what_is_kept_back_is_said_with_each_missed_gate():
    told = judged(None, consistency=0.25, coverage=math.nan)
    assert told.line.startswith("my_Set is kept back, a gate failed: consistency = 0.25 misses")
    assert "coverage could not be measured" in told.line
    assert "| coverage | not measured | >= 0.5 | no |" in told.markdown


def test_a_version_that_is_out_or_withdrawn_is_told_beside_the_verdict():
    stays = "my_Set@v1 holds the same pairs and stays as it was published"
    told = replace(judged(None, consistency=0.25), beside=(stays,), out_as="v1")
    assert told.line.startswith("my_Set is kept back, a gate failed: ")
    assert told.line.endswith(f"; {stays}")
    assert (told.tags["medpair.version"], told.tags["medpair.verdict"]) == ("v1", "published")


def test_without_gates_there_is_no_table():
    told = RunVerdict("mine", "v2", decide({}, {}), Path("r.html"))
    assert told.line == "mine v2 is published: its recipe has no gates"
    assert "|" not in told.markdown


def test_a_dead_server_costs_the_artifact_alone(monkeypatch, caplog):
    here = courier.Courier()
    monkeypatch.setattr(verdict, "get_run_logger", lambda: logging.getLogger("run"))
    for module in (verdict, artifacts):
        monkeypatch.setattr(module, "COURIER", here)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        gone = artifacts.get_client(sync_client=True)
    monkeypatch.setattr(artifacts, "KEPT", artifacts.KeptClient())
    monkeypatch.setattr(artifacts, "get_client", lambda **_: gone)
    with caplog.at_level(logging.INFO):
        judged("v1", consistency=0.75, coverage=0.5).tell()
    ours = [each for each in caplog.records if each.name in {"run", courier.__name__}]
    assert ours[0].message == "my_Set v1 is published: all 2 gates are met"
    assert "the run goes on" in ours[1].message
