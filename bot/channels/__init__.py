"""The seam to WhatsApp. Vendor code stops here: nothing of Twilio is named outside this folder."""
