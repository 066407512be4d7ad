"""The conformance kit: the checks that an engine must pass before its times mean anything."""
