pytest tests/test_prices.py tests/test_seats.py --cov
