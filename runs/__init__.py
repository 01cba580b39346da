"""How anything is changed: plans, the engine that runs them, their log. What a step does to the world is registered from above."""
