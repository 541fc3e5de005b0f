"""How many tests does pytest collect from each of these? 0 stands for none."""

PREDICTION = {
    "pricing.py::test_price": None,
    "check_prices.py::test_stalls": None,
    "conftest.py::test_places": None,
    "test_pricing.py::test_known_place": None,
    "test_pricing.py::testing_two_places": None,
    "test_pricing.py::check_cheapest": None,
    "test_pricing.py::test_unknown_place": None,
    "seats_test.py::test_rows_have_letters": None,
    "tests/test_orders.py::TestOrder::test_paid": None,
    "tests/test_orders.py::TestOrder::paid_twice": None,
    "tests/test_orders.py::TestRefund::test_whole_price": None,
    "tests/test_orders.py::CancelTest::test_before_the_show": None,
    "tests/test_codes.py::TicketCodes::test_has_eight_letters": None,
    "build/test_pricing_copy.py::test_copy": None,
}
