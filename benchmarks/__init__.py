"""Evidence: TinyTorch beside its peers, side by side in one run. Run a script as `python -m benchmarks.NAME`."""
