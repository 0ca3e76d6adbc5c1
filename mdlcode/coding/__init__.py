"""What knows the entropy coder: channels, the models symbols are coded under, codes of whole numbers, messages."""
