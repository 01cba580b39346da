"""The health board: what is proven to be well now, what is not, and what cannot be checked, for the whole estate.

`checking` asks and stores, `checks` are the questions, `views` shows what is stored. Green is only what was proven within its time.
"""
