"""What `pytest --collect-only -q` prints, in no order."""

PREDICTION = set(
    """
    tests/test_orders.py::TestOrder::test_paid
    tests/test_codes.py::TicketCodes::test_has_eight_letters
    seats_test.py::test_rows_have_letters
    test_pricing.py::test_known_place[stalls-9000]
    test_pricing.py::test_known_place[balcony-4500]
    test_pricing.py::test_known_place[Stalls-9000]
    test_pricing.py::testing_two_places
    test_pricing.py::test_unknown_place
    """.split()
)
