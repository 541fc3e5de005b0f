def test_copy():
    assert 9_000 > 4_500
