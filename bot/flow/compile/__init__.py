"""From the files of a survey to the survey that the engine plays, and all problems on the way."""
