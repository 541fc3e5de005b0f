import unittest


class TicketCodes(unittest.TestCase):
    def test_has_eight_letters(self):
        assert len("KXRMPQAB") == 8
