"""The settings that users can make, and the mode that follows from them."""
