"""Hume's Expression Measurement API v1: sound and pictures, uploaded or as they come.

    heard        the measurements of sound: utterances, and a window of each every few seconds
    seen         the measurements of pictures: faces
    asked, body  configurations, and what may be sent
    files        POST /v1/expression/{audio,video}/file
    realtime     WebSockets /v1/expression/{audio,video}/realtime
    runs         GET /v1/expression/run: what was measured, and how it went

`heard` and `seen` run in a streaming process, for both roads alike; so an upload and a session give the same measurements. Names are lower case;
those that nothing here measures are left out, and each score has its `basis`, measured or projected.
"""
