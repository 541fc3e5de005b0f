pytest --cov=my_application
