"""What `./console` does: the demo, the tests, the checks, the benchmarks. Starts processes; imports nothing of the console itself."""
