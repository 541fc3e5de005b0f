"""Every test that pytest collects, one on each line."""

PREDICTION = [
    "test_known_place",
    "test_known_place",
    "test_known_place",
    "test_pricing.py::testing_two_places",
    "test_pricing.py::test_unknown_place",
    "seats_test.py::test_rows_have_letters",
    "tests/test_orders.py::TestOrder::test_paid",
    "tests/test_codes.py::TicketCodes::test_has_eight_letters",
]
