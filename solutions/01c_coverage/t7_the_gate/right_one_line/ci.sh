exec python -m pytest --cov=boxoffice --cov-branch \
  --cov-report=term-missing:skip-covered --cov-fail-under=100
