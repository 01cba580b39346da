"""The estate in a box: a program of its own that plays the estate of the hand-over document over real protocols.

It imports nothing of the console, and nothing of the console imports it: they meet on the wire only.
"""
