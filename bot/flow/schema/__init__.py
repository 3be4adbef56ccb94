"""The shape of every flow file: which keys there are and what they may hold."""
