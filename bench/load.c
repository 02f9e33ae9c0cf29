/* Plays the platform against a chain of two stages, as cheaply as it can be done, and prints JSON.
 *
 * N clients, each in a closed loop: POST the body to the first stage, forward the body and the Content-Type of its
 * answer to the second, take the time. Connections are kept alive. One thread, epoll, nothing but the C library.
 * Beside the load it can ping both stages at a fixed rhythm, which SageMaker does too.
 *
 *   load FIRST SECOND BODY TYPE CLIENTS WARM SECONDS PING_MS ANSWER    (FIRST, SECOND: port/path; ANSWER: a file or "-")
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "answer.h"
#include "tally.h"

struct stage { int port; const char *path, *ping; };
struct wire { int fd, reused; struct answer answer; };
struct client {
  struct wire wires[2];
  int hop, pinger, busy; /* pinger: which stage it pings, -1 for load */
  char head[600];
  struct iovec out[2];
  double begun, sent;
};

static struct stage stages[2];
static struct iovec body;
static const char *type;
static int poller, over;
static double opens, closes;
static struct answer expected;
static long all, errors, different, retries;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct wire *wire_of(struct client *c) { return &c->wires[c->hop]; }

static void hang_up(struct wire *w) {
  if (w->fd >= 0) close(w->fd);
  w->fd = -1;
  w->reused = 0;
}

static void dial(struct client *c) {
  struct wire *w = wire_of(c);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)stages[c->hop].port)};
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
  int one = 1;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  w->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (w->fd < 0) { perror("load: socket"); exit(2); }
  setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(w->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
    fprintf(stderr, "load: port %d: %s\n", stages[c->hop].port, strerror(errno));
    exit(2);
  }
  epoll_ctl(poller, EPOLL_CTL_ADD, w->fd, &event);
}

static void again(struct client *c);

static void push(struct client *c) {
  while (c->out[0].iov_len + c->out[1].iov_len) {
    ssize_t sent = writev(wire_of(c)->fd, c->out, 2);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET) && wire_of(c)->reused) again(c);
    if (sent < 0) return; /* full, not connected yet, or broken: reading will tell */
    for (int i = 0; i < 2; i++) {
      size_t part = (size_t)sent < c->out[i].iov_len ? (size_t)sent : c->out[i].iov_len;
      c->out[i].iov_base = (char *)c->out[i].iov_base + part;
      c->out[i].iov_len -= part;
      sent -= (ssize_t)part;
    }
  }
}

static void ask(struct client *c) {
  struct stage *s = &stages[c->hop];
  struct answer *before = &c->wires[0].answer;
  struct iovec content = c->pinger >= 0 ? (struct iovec){0} : c->hop ? (struct iovec){before->data + before->head, before->body} : body;
  int size;
  if (c->pinger >= 0)
    size = snprintf(c->head, sizeof c->head, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", s->ping);
  else /* Accept goes to the last container only, as on the platform. */
    size = snprintf(c->head, sizeof c->head, "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                    s->path, c->hop ? "Accept: */*\r\n" : "", c->hop ? before->type : type, content.iov_len);
  c->out[0] = (struct iovec){c->head, (size_t)size};
  c->out[1] = content;
  c->busy = 1;
  c->sent = now();
  answer_clear(&wire_of(c)->answer);
  if (wire_of(c)->fd < 0) dial(c);
  else wire_of(c)->reused = 1;
  push(c);
}

static void begin(struct client *c) {
  if (c->pinger < 0) c->hop = 0;
  c->begun = now();
  ask(c);
}

static void fail(struct client *c, const char *why) {
  struct answer *a = &wire_of(c)->answer;
  if (!errors++)
    fprintf(stderr, "load: hop %d: %s, status %d: %.*s\n", c->hop + 1, why, a->status, (int)(a->body < 300 ? a->body : 300), a->head ? a->data + a->head : "");
  hang_up(wire_of(c));
  if (errors > 100) exit(3);
}

static void compare(struct answer *a) {
  if (!expected.data) {
    expected.body = a->body;
    expected.data = malloc(a->body + 1);
    memcpy(expected.data, a->data + a->head, a->body);
  } else if (expected.body != a->body || memcmp(expected.data, a->data + a->head, a->body)) different++;
}

static void done(struct client *c) {
  struct answer *a = &wire_of(c)->answer;
  double end = now();
  int counts_in = c->begun >= opens && end <= closes;
  if (a->close) hang_up(wire_of(c));
  c->busy = 0;
  if (a->status != 200) { fail(c, "refused"); if (c->pinger < 0) begin(c); return; }
  if (c->pinger >= 0) { if (end >= opens) note(3 + c->pinger, end - c->begun); return; }
  if (counts_in) note(1 + c->hop, end - c->sent);
  if (c->hop == 0) { c->hop = 1; ask(c); return; }
  all++;
  compare(a);
  if (end >= opens && (end <= closes || !counts[0])) note(0, end - c->begun);
  if (end < closes) begin(c); else over = 1;
}

static void again(struct client *c) {
  retries++;
  hang_up(wire_of(c));
  ask(c);
}

static void pull(struct client *c) {
  struct wire *w = wire_of(c);
  while (c->busy && w->fd >= 0 && w == wire_of(c)) {
    ssize_t got = recv(w->fd, answer_room(&w->answer, 65536), 65536, 0);
    if (got < 0 && (errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS)) return;
    /* A kept connection that the server had ended meanwhile: nobody's error. */
    if (got <= 0 && w->answer.size == 0 && w->reused) { again(c); return; }
    if (got > 0) w->answer.size += (size_t)got;
    int whole = answer_whole(&w->answer, got <= 0);
    if (got <= 0) w->answer.close = 1;
    if (whole == 1) { done(c); return; }
    if (whole < 0 || got <= 0) { fail(c, got < 0 ? strerror(errno) : "the answer breaks off"); c->busy = 0; if (c->pinger < 0) begin(c); return; }
  }
}

static struct stage stage_of(char *text) { /* port/path,ping */
  char *slash = strchr(text, '/'), *comma = strchr(text, ',');
  if (!slash || !comma) { fprintf(stderr, "load: '%s' is no PORT/PATH,/PING\n", text); exit(2); }
  *comma = 0;
  return (struct stage){atoi(text), slash, comma + 1};
}

static void read_body(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) { perror(path); exit(2); }
  body.iov_len = (size_t)ftell(file);
  body.iov_base = malloc(body.iov_len + 1);
  rewind(file);
  if (fread(body.iov_base, 1, body.iov_len, file) != body.iov_len) { perror(path); exit(2); }
  fclose(file);
}

static void write_answer(const char *path) {
  FILE *file = strcmp(path, "-") ? fopen(path, "wb") : NULL;
  if (file) { fwrite(expected.data ? expected.data : "", 1, expected.body, file); fclose(file); }
}

static void run(struct client *clients, int count, double rhythm) {
  struct epoll_event events[256];
  double next = now();
  for (int i = 0; i < count; i++) if (clients[i].pinger < 0) begin(&clients[i]);
  /* A chain slower than the window still gives one answer: the loop then ends with the first that comes after it. */
  while (now() < closes || (!all && !over && now() < closes + 120)) {
    double wait = rhythm > 0 && next < closes ? next - now() : 0.1;
    int n = epoll_wait(poller, events, 256, wait > 0 ? (int)(wait * 1e3) + 1 : 0);
    for (int i = 0; i < n; i++) { struct client *c = events[i].data.ptr; if (c->busy) { push(c); pull(c); } }
    if (rhythm > 0 && now() >= next) {
      for (int i = 0; i < count; i++) if (clients[i].pinger >= 0 && !clients[i].busy) begin(&clients[i]);
      next += rhythm;
    }
  }
  /* A ping that nobody answered counts with what it has waited so far. */
  for (int i = 0; i < count; i++) if (clients[i].pinger >= 0 && clients[i].busy) note(3 + clients[i].pinger, now() - clients[i].begun);
}

int main(int argc, char **argv) {
  if (argc != 10) { fprintf(stderr, "load FIRST SECOND BODY TYPE CLIENTS WARM SECONDS PING_MS ANSWER\n"); return 2; }
  int load = atoi(argv[5]), count = load + 2;
  double warm = atof(argv[6]), seconds = atof(argv[7]), rhythm = atof(argv[8]) / 1e3, start = now();
  struct rusage use;
  signal(SIGPIPE, SIG_IGN);
  stages[0] = stage_of(argv[1]);
  stages[1] = stage_of(argv[2]);
  read_body(argv[3]);
  type = argv[4];
  poller = epoll_create1(0);
  opens = start + warm;
  closes = opens + seconds;
  struct client *clients = calloc((size_t)count, sizeof *clients);
  for (int i = 0; i < count; i++) {
    clients[i].pinger = clients[i].hop = i < load ? -1 : i - load;
    clients[i].wires[0].fd = clients[i].wires[1].fd = -1;
  }
  run(clients, count, rhythm);
  getrusage(RUSAGE_SELF, &use);
  double cpu = (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
  printf("{");
  print(0, "chain"); print(1, "hop1"); print(2, "hop2"); print(3, "ping1"); print(4, "ping2");
  printf("\"clients\": %d, \"seconds\": %g, \"wall\": %.4f, \"cpu\": %.4f, \"all\": %ld, \"errors\": %ld, \"different\": %ld, \"retries\": %ld}\n",
         load, seconds, now() - start, cpu, all, errors, different, retries);
  write_answer(argv[9]);
  return errors ? 1 : 0;
}
