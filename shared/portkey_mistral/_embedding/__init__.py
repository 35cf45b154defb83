"""Embeds any number of texts: splits them into requests within both of Mistral's limits, sends several at a
time, splits requests that the server rejects as too large, and returns the vectors in the order of the texts.
"""
