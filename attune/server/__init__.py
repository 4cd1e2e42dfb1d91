"""`attune serve`: measuring over HTTP, on one's own machine.

    config       where files lie, what is allowed, how much
    jobs/        a queue that survives, the processes that work through it, the files
    guard        who may ask, from where, and how much at once
    intake       uploads, addresses and archives from strangers
    hume_v0/     the interface of Hume's Expression Measurement, batch and stream
    own          ours, /v1
    app          puts them together

The web process never measures: it takes in, hands out and answers; worker processes measure.
"""
