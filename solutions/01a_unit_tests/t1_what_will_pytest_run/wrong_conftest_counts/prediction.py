"""conftest.py belongs to the tests, so its tests are run."""

PREDICTION = {
    "pricing.py::test_price": 0,
    "check_prices.py::test_stalls": 0,
    "conftest.py::test_places": 1,
    "test_pricing.py::test_known_place": 3,
    "test_pricing.py::testing_two_places": 1,
    "test_pricing.py::check_cheapest": 0,
    "test_pricing.py::test_unknown_place": 1,
    "seats_test.py::test_rows_have_letters": 1,
    "tests/test_orders.py::TestOrder::test_paid": 1,
    "tests/test_orders.py::TestOrder::paid_twice": 0,
    "tests/test_orders.py::TestRefund::test_whole_price": 0,
    "tests/test_orders.py::CancelTest::test_before_the_show": 0,
    "tests/test_codes.py::TicketCodes::test_has_eight_letters": 1,
    "build/test_pricing_copy.py::test_copy": 0,
}
