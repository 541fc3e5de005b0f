import pytest


@pytest.fixture
def places():
    return ["stalls", "balcony"]


def test_places():
    assert places
