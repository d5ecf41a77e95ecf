"""What our links cost beside other clients, measured in one run: ``python -m bench.links``. See docs/reference/links-bench.md."""
