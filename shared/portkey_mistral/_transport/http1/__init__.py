"""HTTP/1.1 for direct connections, faults in httpx's words.

httpx's own transport spends most of the time of a call on bookkeeping (about 600 us of CPU against 90 here,
and under 200 concurrent async calls 10 ms against 0.2). What is decided about the protocol stands once, in
`framing` and `exchange`; `blocking` and `on_loop` only carry bytes. Proxies and a client of the user's own take
stock httpx.
"""
