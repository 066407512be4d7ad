"""Brokers, which store messages in order until consumers read them: a contract, and a folder for each broker."""
