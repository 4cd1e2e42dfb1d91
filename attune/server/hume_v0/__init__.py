"""Hume's Expression Measurement API v0, which ended in 2026: existing clients go on by changing the address.

    asked        what a request may say, checked, and what it means in our settings
    predicted    a recording in its 48 and 53 names
    answered     a job and its results in the words of the API
    batch        the jobs' routes
    artifacts    a job's results as an archive of tables
    stream       one answer a message, over a WebSocket
"""
