"""What a render will take, before it ran: GPU-seconds with a range, learnt pool by pool, seeded from the catalog.

`seed` is the catalog's formula, `regression` learns seconds from features, `scores` makes ranges that hold,
`pool_times` puts them together for one pool, `estimator` for a model. Only `estimator.load` reads SQL.
"""
