pytest --cov
