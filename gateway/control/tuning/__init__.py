"""Tuning of loops: the relay experiment, models fitted to records, rules that make tunings of models, and what they promise."""
