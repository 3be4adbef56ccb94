"""The audit of a survey's anonymity: attacks with all that the database and the logs hold."""
