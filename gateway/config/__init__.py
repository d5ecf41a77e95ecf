"""The plant as data: pydantic models, loading with file and line, cross-checks. Nothing here runs in a scan."""
