def test_rows_have_letters():
    assert "A" < "Z"
