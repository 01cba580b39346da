"""SSH to the hosts: pinned keys, no terminal, every command an argv, every call with a deadline."""
