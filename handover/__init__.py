"""The client's hand-over document as living claims: what each sentence says, what is observed, and whether they agree."""
