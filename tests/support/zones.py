"""Time zones for tests of local time."""

ODD_CLOCKS = ["America/New_York", "America/Sao_Paulo", "America/St_Johns", "Africa/Monrovia", "Australia/Lord_Howe"]
ODD_CLOCKS += ["Europe/Amsterdam", "Pacific/Apia", "Africa/Casablanca", "UTC"]
"""UTC, and zones whose clocks were changed at midnight, by half an hour, by odd seconds, by a day, or often."""
