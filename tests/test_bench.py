"""The benchmark measures what it names, and says what it could not measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from inprod.bench import Figures, bench

NAMES = {
    "check.warm.empty",
    "check.warm.query",
    "check.cold",
    "services.cold",
    "services.warm",
    "services.stop",
    "database.create",
    "memory.resting",
    "peer.pytest_process",
    "peer.container_per_check",
    "peer.nbval",
}


def test_ratios_are_medians_of_rounds() -> None:
    """A slow moment of the machine weighs on both sides of its round, and on no other."""
    figures = Figures()
    for mine, theirs in ((10.0, 100.0), (50.0, 500.0), (12.0, 100.0)):
        figures.add("check.warm.empty", mine)
        figures.add("peer.pytest_process", theirs)
    result = figures.to_dict()
    assert result["schema"] == 1
    assert {"name": "check.warm.empty", "unit": "ms", "n": 3, "min": 10.0, "median": 12.0, "max": 50.0} in result[
        "figures"
    ]
    assert result["ratios"] == [
        {
            "name": "check.warm.empty / peer.pytest_process",
            "of": "check.warm.empty",
            "to": "peer.pytest_process",
            "median": 0.1,
        }
    ]


@pytest.mark.slow
def test_every_figure_is_measured_or_its_absence_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On real servers; without Docker the peer that needs it is not run."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nothing.sock'}")
    said: list[str] = []
    result = bench(said.append, rounds=1)
    measured = {figure["name"] for figure in result["figures"]}
    assert measured | result["not_run"].keys() == NAMES
    assert "peer.container_per_check" in result["not_run"]
    assert all(0 < figure["min"] <= figure["median"] <= figure["max"] for figure in result["figures"])
    assert said
