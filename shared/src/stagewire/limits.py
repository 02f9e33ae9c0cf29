"""The numbers that bound a request, each with its reason."""

from __future__ import annotations

MIB = 1024 * 1024

# SageMaker takes real-time payloads up to 25 MB (Developer Guide, deploy-model-options).
BODY_BYTES = 25 * MIB

# Arrow that is compressed or uses dictionaries may decode to this many times the body's limit. An
# answer repeats these columns in plain form, and SageMaker's limit on answers is that on requests; as
# CSV a number of 8 bytes may take half.
EXPANSION = 2

# The most cells a body may have: one a byte, as in a CSV of nothing but commas. JSON objects that share
# no names would otherwise have rows times names.
CELLS = BODY_BYTES

# A body with more broken rows than this is refused as a whole, without a list: 25 MiB of line ends
# would make 26 million errors of 200 bytes each.
BROKEN_ROWS = 100_000

# A model container must reply within 60 s (Developer Guide, your-algorithms-inference-code).
REPLY_SECONDS = 60.0

# SageMaker sends SIGKILL 30 s after SIGTERM (same page); five are left to close and exit.
DRAIN_SECONDS = 25.0

# A computation that nobody waits for any more may hold the process up for so long after that.
EXIT_SECONDS = 2.0

# Measured: a thread hop costs about 110 us, and work of this size about 1 ms; inline below it
# halves the latency of small requests, above it `/ping` would wait.
INLINE_BYTES = 16 * 1024

# A body that arrives alone, while nothing is queued, is answered inline up to this many times that
# size: a thread hop is a tenth of 1,000 rows' time. Of many at once only the first one gains it.
ALONE_FACTOR = 4

# All bodies that are being read or answered may together have the size of this many of the largest:
# 200 MiB. A queue bounded by number alone could hold gigabytes.
HELD_BODIES = 8

# Each worker thread may have this many requests waiting: at 10 ms apiece the last one waits
# about a second, half of what SageMaker gives a ping.
QUEUE_PER_THREAD = 128

# A batch of small requests holds at most this many rows: beside 4 ms that scikit-learn takes for
# any number they add half a millisecond, and more rows gain nothing.
BATCH_ROWS = 1024

# A batch may take this much longer than a request alone: a fifth of the 50 ms or so that a caller of
# the platform notices.
BATCH_SECONDS = 0.01

# An error quotes at most this much of a bad value.
VALUE_CHARACTERS = 80

# What a transformer says of a bad row may quote its cell, which may be as large as the body.
REASON_CHARACTERS = 200
