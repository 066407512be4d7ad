"""The tests: without servers, over servers, of real time, and of the conformance kit."""
