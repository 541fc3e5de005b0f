from pricing import price


def test_stalls():
    assert price("stalls") == 9_000
