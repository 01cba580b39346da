"""AWS, in our words: a small module a service, with only the calls that the console needs."""
