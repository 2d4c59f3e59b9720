"""`farm simulate`: the farm's own scheduler under a virtual clock, with virtual workers, in memory.

    from scheduler.simulate.fleet import one_pool
    from scheduler.simulate.run import run
    from scheduler.simulate.traces import generate

    result = run(generate.poisson(2.0, 3600), one_pool("sana-demo", workers=4))

See docs/simulate.md.
"""
