"""What exists: facts about values, units, instruments and equipment. No behaviour in time; imports nothing of ours."""
