/*
 * Bytes and connections through a TCP proxy: the application and its clients in one thread.
 *
 *   tcp FIRST_PORT PORTS
 *
 * Listens on 127.0.0.1, ports FIRST_PORT … FIRST_PORT + PORTS - 1. The first byte of a connection says what it is for: 'd' gets bytes without end, what
 * comes after 'u' is thrown away, 'c' is answered by one byte and closed. Reads commands, one a line:
 *
 *   bulk PORT CONNECTIONS MILLISECONDS        half of them download, half upload; counts bytes that arrived
 *   connect PORT CONNECTIONS MILLISECONDS     each connects, is answered, and connects again; counts answers
 *
 * and answers each with one line of JSON. Bytes are sent from the page cache and thrown away by the kernel, so that this costs little of what is measured.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_SAMPLES = 8000000, PIECE = 1 << 20, EVENTS = 256 };
enum kind { NOTHING, COMMANDS, LISTENER, NEW, SOURCE, SINK, CALLER };

struct peer {
  enum kind kind;
  int counted;       /* its bytes are the run's */
  int answered;
  unsigned run;      /* that it belongs to */
  uint64_t due;
};

static struct peer peers[MAX_FD];
static char buffer[65536];
static int poller, source;

static struct run {
  unsigned number;
  int running, port;
  uint64_t start, end, units, errors;
} run;
static uint32_t *samples;
static uint32_t sample_count;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  return address;
}

static void watch(int fd, enum kind kind) {
  struct epoll_event event = { .events = kind == SOURCE ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.fd = fd };
  if (fd >= MAX_FD) exit(2);
  int known = peers[fd].kind != NOTHING;
  peers[fd].kind = kind;
  if (epoll_ctl(poller, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static void forget(int fd) {
  memset(&peers[fd], 0, sizeof *peers);
  close(fd);
}

static void serve(int port) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = loopback(port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (void *)&address, sizeof address) || listen(fd, 4096)) fail("listen");
  watch(fd, LISTENER);
}

static void accept_all(int listener) {
  int fd;
  while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
    memset(&peers[fd], 0, sizeof *peers);
    watch(fd, NEW);
  }
}

static void call(void) {
  struct sockaddr_in address = loopback(run.port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  uint64_t at = now();
  if (fd < 0 || connect(fd, (void *)&address, sizeof address) || write(fd, "c", 1) != 1) {
    run.errors++;
    if (fd >= 0) close(fd);
    return;
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  memset(&peers[fd], 0, sizeof *peers);
  peers[fd].due = at;
  peers[fd].run = run.number;
  watch(fd, CALLER);
}

static void send_more(int fd) {
  off_t from = 0;
  ssize_t sent = sendfile(fd, source, &from, PIECE);
  if (sent < 0 && errno != EAGAIN) forget(fd);
}

static void discard(int fd) {
  ssize_t got = recv(fd, 0, PIECE, MSG_TRUNC);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    if (peers[fd].counted && peers[fd].run == run.number && run.running) run.errors++;
    forget(fd);
    return;
  }
  if (run.running && now() < run.end) run.units += (uint64_t)got;
}

static void begin(int fd) {
  char kind;
  ssize_t got = read(fd, &kind, 1);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    forget(fd);
  } else if (kind == 'd') {
    watch(fd, SOURCE);
  } else if (kind == 'u') {
    watch(fd, SINK);
  } else {
    if (write(fd, "y", 1) != 1) run.errors++;
    forget(fd);
  }
}

static void answered(int fd) {
  char byte;
  ssize_t got = read(fd, &byte, 1);
  if (got < 0 && errno == EAGAIN) return;
  if (got == 1) {
    peers[fd].answered = 1;
    return;
  }
  int own = peers[fd].run == run.number && run.running;
  uint64_t due = peers[fd].due, at = now();
  if (own && !peers[fd].answered) run.errors++;
  else if (own) {
    run.units++;
    if (sample_count < MAX_SAMPLES) samples[sample_count++] = (uint32_t)((at - due) / 1000);
  }
  forget(fd);
  if (own && at < run.end) call();
}

static void start_run(const char *line) {
  char kind[16];
  int connections, milliseconds, port;
  if (sscanf(line, "%15s %d %d %d", kind, &port, &connections, &milliseconds) != 4) exit(2);
  run = (struct run){ .number = run.number + 1, .running = 1, .port = port };
  sample_count = 0;
  run.start = now();
  run.end = run.start + (uint64_t)milliseconds * 1000000ull;
  if (!strcmp(kind, "connect")) {
    for (int i = 0; i < connections; i++) call();
    return;
  }
  struct sockaddr_in address = loopback(port);
  for (int i = 0; i < connections; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), download = i % 2 == 0;
    if (connect(fd, (void *)&address, sizeof address) || write(fd, download ? "d" : "u", 1) != 1) {
      run.errors++;
      close(fd);
      continue;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    memset(&peers[fd], 0, sizeof *peers);
    peers[fd].counted = 1;
    peers[fd].run = run.number;
    watch(fd, download ? SINK : SOURCE);
  }
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static uint32_t quantile(double q) {
  return sample_count ? samples[(uint32_t)(q * (sample_count - 1))] : 0;
}

static void end_run(uint64_t at) {
  run.running = 0;
  qsort(samples, sample_count, sizeof *samples, ascending);
  for (int fd = 0; fd < MAX_FD; fd++) if (peers[fd].counted || peers[fd].kind == CALLER) forget(fd);
  printf("{\"units\":%llu,\"seconds\":%.3f,\"failures\":%llu,\"p50\":%u,\"p99\":%u}\n", (unsigned long long)run.units, (double)(at - run.start) / 1e9,
    (unsigned long long)run.errors, quantile(0.5), quantile(0.99));
  fflush(stdout);
}

static void on_event(int fd, uint32_t events) {
  switch (peers[fd].kind) {
    case COMMANDS: {
      ssize_t length = read(fd, buffer, sizeof buffer - 1);
      if (length <= 0) exit(0);
      buffer[length] = 0;
      start_run(buffer);
      return;
    }
    case LISTENER: accept_all(fd); return;
    case NEW: begin(fd); return;
    case SINK: discard(fd); return;
    case CALLER: answered(fd); return;
    case SOURCE:
      if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) forget(fd);
      else send_more(fd);
      return;
    default: return;
  }
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  int first = atoi(arguments[1]), ports = atoi(arguments[2]);
  /* A proxy may close while it is sent to. */
  signal(SIGPIPE, SIG_IGN);
  samples = malloc(sizeof *samples * MAX_SAMPLES);
  source = memfd_create("bytes", 0);
  memset(buffer, 'x', sizeof buffer);
  for (int i = 0; i < PIECE / (int)sizeof buffer; i++) if (write(source, buffer, sizeof buffer) != (ssize_t)sizeof buffer) fail("memfd");
  poller = epoll_create1(0);
  for (int i = 0; i < ports; i++) serve(first + i);
  watch(STDIN_FILENO, COMMANDS);
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, run.running ? 10 : -1);
    for (int i = 0; i < ready; i++) on_event(events[i].data.fd, events[i].events);
    if (!run.running) continue;
    uint64_t at = now();
    if (at >= run.end) end_run(at);
  }
}
