"""Files: answers that people send, and pictures and recordings that go with questions."""
