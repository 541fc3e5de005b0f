coverage run -m pytest
coverage report
