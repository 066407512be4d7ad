"""Who answers: the contract, the servers, and a folder an engine."""
