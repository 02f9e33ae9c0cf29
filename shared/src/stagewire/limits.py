"""The numbers that bound a request, each with its reason."""

from __future__ import annotations

MIB = 1024 * 1024

# SageMaker takes real-time payloads up to 25 MB (Developer Guide, deploy-model-options).
BODY_BYTES = 25 * MIB

# What Arrow compresses or says once in a dictionary may decode to so many times the limit. An answer
# repeats its columns as plain ones, and SageMaker carries no more of them back than it brings; as
# CSV a number of 8 bytes may take half.
EXPANSION = 2

# So many cells a body may have at most: one a byte, as in a CSV of nothing but commas. JSON objects
# that share no name would have rows times names.
CELLS = BODY_BYTES

# More rows than this that are no rows at all are not listed but refused as a whole: 25 MiB of line
# ends would be 26 million errors of 200 bytes each.
BROKEN_ROWS = 100_000

# A model container must reply within 60 s (Developer Guide, your-algorithms-inference-code).
REPLY_SECONDS = 60.0

# SageMaker sends SIGKILL 30 s after SIGTERM (same page); five are left to close and exit.
DRAIN_SECONDS = 25.0

# Measured: a thread hop costs about 110 us, and work of this size about 1 ms; inline below it
# halves the latency of small requests, above it `/ping` would wait.
INLINE_BYTES = 16 * 1024

# A body that comes alone, with nothing in work, is answered inline up to so many times that size: a
# thread hop would be a tenth of 1,000 rows' time, and of a crowd only the first one gains it.
CALM_FACTOR = 4

# Bodies that are read or waited for may together be so many of the largest: 200 MiB, where a queue of
# such bodies alone would be gigabytes.
HELD_BODIES = 8

# Each worker thread may have this many requests waiting: at 10 ms apiece the last one waits
# about a second, half of what SageMaker gives a ping.
QUEUE_PER_THREAD = 128

# A batch of small requests holds at most this many rows: beside 4 ms that scikit-learn takes for
# any number they add half a millisecond, and more rows gain nothing.
BATCH_ROWS = 1024

# A batch may take this much longer than a request alone; a fifth of the platform's 50 ms or so
# that a caller notices.
BATCH_SECONDS = 0.01

# JSON bodies and CSV rows name at most this much of a bad value back to the caller.
VALUE_CHARACTERS = 80

# What a transformer says of a bad row may quote its cell, which may be as large as the body.
REASON_CHARACTERS = 200
