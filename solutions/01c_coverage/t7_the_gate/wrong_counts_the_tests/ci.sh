pytest --cov=./
