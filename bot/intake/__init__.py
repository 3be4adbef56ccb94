"""What offices send: tables and phone numbers, read the same for every use. Knows no database."""
