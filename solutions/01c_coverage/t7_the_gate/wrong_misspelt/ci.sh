pytest --cov=box_office --cov-report=term-missing
