"""A first `estate.yaml` for an account, from what AWS tells: read (`seen`), understood (`draw`), written down (`written`)."""
