/* One HTTP/1.1 answer, read as it arrives: by Content-Length, in chunks, or to the connection's end. */
#ifndef ANSWER_H
#define ANSWER_H
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <stdio.h>

struct answer {
  char *data;                 /* all that arrived; a chunked body is put together in place */
  size_t size, room;          /* bytes held, bytes there is room for */
  size_t head;                /* where the body begins, 0 while the head is not complete */
  size_t body;                /* bytes of the body that are in place */
  size_t next;                /* chunked: where the next chunk's line begins */
  long length;                /* Content-Length, -1 when not stated */
  int status, chunked, close; /* close: the server ends the connection after this answer */
  char type[200];
};

static void answer_clear(struct answer *a) {
  a->size = a->head = a->body = a->next = 0;
  a->length = -1;
  a->status = a->chunked = a->close = 0;
  a->type[0] = 0;
}

static char *answer_room(struct answer *a, size_t wanted) {
  if (a->room - a->size < wanted) {
    a->room = (a->size + wanted) * 2;
    a->data = realloc(a->data, a->room);
    if (!a->data) { perror("load: memory"); exit(2); }
  }
  return a->data + a->size;
}

static void answer_header(struct answer *a, const char *line, size_t size) {
  if (size > 15 && !strncasecmp(line, "content-length:", 15)) a->length = atol(line + 15);
  else if (size > 18 && !strncasecmp(line, "transfer-encoding:", 18)) a->chunked = memmem(line, size, "chunked", 7) != NULL;
  else if (size > 11 && !strncasecmp(line, "connection:", 11)) a->close = memmem(line, size, "close", 5) != NULL;
  else if (size > 13 && !strncasecmp(line, "content-type:", 13)) {
    line += 13; size -= 13;
    while (size && *line == ' ') { line++; size--; }
    if (size >= sizeof a->type) size = sizeof a->type - 1;
    memcpy(a->type, line, size);
    a->type[size] = 0;
  }
}

/* Returns -1 when what came is no HTTP. */
static int answer_head(struct answer *a) {
  char *end = memmem(a->data, a->size, "\r\n\r\n", 4);
  if (!end) return 0;
  if (a->size < 12 || strncmp(a->data, "HTTP/1.", 7)) return -1;
  a->status = atoi(a->data + 9);
  a->close = a->data[7] == '0';
  for (char *line = memmem(a->data, a->size, "\r\n", 2) + 2; line < end;) {
    char *stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
    answer_header(a, line, (size_t)(stop - line));
    line = stop + 2;
  }
  a->head = (size_t)(end - a->data) + 4;
  a->next = a->head;
  return 0;
}

/* Moves each whole chunk next to the one before it; 1 when the last one is there. */
static int answer_chunks(struct answer *a) {
  for (;;) {
    char *from = a->data + a->next;
    char *line = memmem(from, a->size - a->next, "\r\n", 2);
    if (!line) return 0;
    size_t size = strtoul(from, NULL, 16), start = (size_t)(line - a->data) + 2;
    if (a->size < start + size + 2) return 0;
    memmove(a->data + a->head + a->body, a->data + start, size);
    a->body += size;
    a->next = start + size + 2;
    if (!size) return 1;
  }
}

/* 1 when the answer is whole, 0 when more must come, -1 when it is no HTTP; `ended`: nothing more will come. */
static int answer_whole(struct answer *a, int ended) {
  if (!a->head && answer_head(a) < 0) return -1;
  if (!a->head) return 0;
  if (a->chunked) return answer_chunks(a);
  a->body = a->size - a->head;
  if (a->length >= 0) return a->body >= (size_t)a->length;
  a->close = 1;
  return ended;
}
#endif
