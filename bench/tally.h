/* Times by what they were taken of, kept whole, so that a percentile is exact. */
#ifndef TALLY_H
#define TALLY_H
#include <stdio.h>
#include <stdlib.h>

/* Of chains, of the two hops, and of pings of the two stages; milliseconds. */
static double *took[5];
static long counts[5], rooms[5];

static void note(int what, double seconds) {
  if (counts[what] == rooms[what]) {
    rooms[what] = rooms[what] ? rooms[what] * 2 : 4096;
    took[what] = realloc(took[what], (size_t)rooms[what] * sizeof(double));
    if (!took[what]) { perror("load: memory"); exit(2); }
  }
  took[what][counts[what]++] = seconds * 1e3;
}

static int rising(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print(int what, const char *name) {
  double *t = took[what], sum = 0;
  long n = counts[what];
  for (long i = 0; i < n; i++) sum += t[i];
  if (n) qsort(t, (size_t)n, sizeof *t, rising);
  printf("\"%s\": {\"count\": %ld", name, n);
  if (n) printf(", \"mean\": %.4f, \"p10\": %.4f, \"p50\": %.4f, \"p90\": %.4f, \"p99\": %.4f, \"max\": %.4f", sum / (double)n,
                t[(n - 1) / 10], t[(n - 1) / 2], t[(n - 1) * 9 / 10], t[(long)((double)(n - 1) * 0.99)], t[n - 1]);
  printf("}, ");
}
#endif
