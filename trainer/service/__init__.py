"""The trainer as a service: who leads, when it trains, and what becomes of the result."""
