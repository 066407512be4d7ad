"""The conformance kit: what an engine must show before its figures mean anything."""
