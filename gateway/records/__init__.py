"""What is kept: the journal, its committer and verifier, and the batch record folded from it."""
