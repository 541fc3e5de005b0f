"""The payment provider: a service of somebody else, as far as Guichê knows."""
