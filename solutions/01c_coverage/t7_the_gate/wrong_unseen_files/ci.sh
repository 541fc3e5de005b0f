set -e
coverage run -m pytest -q
coverage report
