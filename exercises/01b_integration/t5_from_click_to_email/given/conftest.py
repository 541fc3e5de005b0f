"""What your test gets: where the shop is, who buys, and what there is to buy."""

import os
from types import SimpleNamespace

import pytest


@pytest.fixture
def base_url():
    """Where the shop answers, such as http://127.0.0.1:8000."""
    return os.environ["BASE_URL"]


@pytest.fixture
def mails_url():
    """GET it: all mail that has left the house, as JSON, the oldest first."""
    return os.environ["MAILS_URL"]


@pytest.fixture
def customer():
    """Somebody with an account."""
    return SimpleNamespace(email=os.environ["CUSTOMER_EMAIL"], password=os.environ["CUSTOMER_PASSWORD"])


@pytest.fixture
def slug():
    """The name of an event with free seats, in URLs."""
    return os.environ["EVENT_SLUG"]
