/*
 * The application and its clients in one thread, so that what is measured beside it has a core of its own.
 *
 *   load FIRST_PORT PORTS BODY_BYTES
 *
 * Answers each request on 127.0.0.1, ports FIRST_PORT … FIRST_PORT + PORTS - 1, with 200 and BODY_BYTES bytes. Reads commands, one a line:
 *
 *   run PORT CONNECTIONS MILLISECONDS RATE HOST PATH
 *
 * and answers each with one line of JSON. RATE 0 is a closed loop: every connection sends its next request when its answer is complete. RATE > 0 is
 * an open loop: requests are due at fixed times, and latency counts from when a request was due, not from when a free connection was found.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_CONNECTIONS = 4096, MAX_SAMPLES = 8000000, BUFFER = 262144, EVENTS = 512 };
enum kind { NOTHING, COMMANDS, LISTENER, SERVER, CLIENT };

/* One file descriptor, looked up by its number. */
struct peer {
  enum kind kind;
  uint64_t due;  /* client: when the request under way was due, in nanoseconds */
  long missing;  /* client: bytes of the answer still to come; 0 when its head has not been seen */
  int matched;   /* server: how much of CR LF CR LF the bytes so far end with */
};

static struct peer peers[MAX_FD];
static char *answer;
static size_t answer_length, body_length;
static char request[4096];
static size_t request_length;
static char buffer[BUFFER];
static int poller;

static struct run {
  int running, open_loop;
  int connections[MAX_CONNECTIONS], count;
  int idle[MAX_CONNECTIONS], idle_count;
  uint64_t start, end;
  double interval, next_due;
  uint64_t done, errors, not_200;
  uint64_t *late;  /* ring of requests that were due while no connection was free */
  unsigned late_head, late_tail;
} run;
static uint32_t *samples; /* latencies in microseconds */
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
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
  if (fd >= MAX_FD) exit(2);
  peers[fd] = (struct peer){ .kind = kind };
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static void forget(int fd) {
  peers[fd].kind = NOTHING;
  close(fd);
}

/* ------------------------------------------------------------------------------------------------------------------------ the application */

static void serve(int port) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = loopback(port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (void *)&address, sizeof address) || listen(fd, 4096)) fail("listen");
  watch(fd, LISTENER);
}

static void accept_all(int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(fd, SERVER);
  }
}

static void write_answer(int fd) {
  for (size_t written = 0; written < answer_length;) {
    ssize_t n = write(fd, answer + written, answer_length - written);
    if (n >= 0) written += (size_t)n;
    else if (errno == EAGAIN) usleep(50);
    else return;
  }
}

/* Requests have no body, so each ends with an empty line. */
static void answer_requests(int fd, const char *bytes, ssize_t length) {
  int matched = peers[fd].matched;
  if (matched == 0 && length > 4 && memcmp(bytes + length - 4, "\r\n\r\n", 4) == 0 && memmem(bytes, (size_t)length, "\r\n\r\n", 4) == bytes + length - 4) {
    write_answer(fd);
    return;
  }
  for (ssize_t i = 0; i < length; i++) {
    matched = bytes[i] == "\r\n\r\n"[matched] ? matched + 1 : bytes[i] == '\r';
    if (matched == 4) {
      matched = 0;
      write_answer(fd);
    }
  }
  peers[fd].matched = matched;
}

/* ------------------------------------------------------------------------------------------------------------------------ its clients */

static void send_request(int fd, uint64_t due) {
  peers[fd].due = due;
  if (write(fd, request, request_length) != (ssize_t)request_length) run.errors++;
}

static void drop_client(int fd) {
  run.errors++;
  for (int i = 0; i < run.count; i++) if (run.connections[i] == fd) run.connections[i] = -1;
  forget(fd);
}

static void read_answer(int fd, const char *bytes, ssize_t length) {
  struct peer *client = &peers[fd];
  if (client->missing == 0) {
    /* Every peer of the comparison writes a head in one piece. */
    const char *end = memmem(bytes, (size_t)length, "\r\n\r\n", 4);
    if (!end || length < 12) return;
    if (memcmp(bytes + 9, "200", 3)) {
      run.not_200++;
      drop_client(fd);
      return;
    }
    client->missing = (end - bytes) + 4 + (long)body_length - length;
  } else {
    client->missing -= length;
  }
  if (client->missing > 0) return;
  client->missing = 0;
  uint64_t at = now();
  run.done++;
  if (sample_count < MAX_SAMPLES) samples[sample_count++] = (uint32_t)((at - client->due) / 1000);
  if (!run.running) return;
  if (!run.open_loop) {
    if (at < run.end) send_request(fd, at);
  } else if (run.late_head != run.late_tail) {
    send_request(fd, run.late[run.late_head++ % MAX_FD]);
  } else {
    run.idle[run.idle_count++] = fd;
  }
}

static void send_due(uint64_t at) {
  while (run.next_due <= (double)at) {
    if (run.idle_count > 0) send_request(run.idle[--run.idle_count], (uint64_t)run.next_due);
    else run.late[run.late_tail++ % MAX_FD] = (uint64_t)run.next_due;
    run.next_due += run.interval;
  }
}

static void start_run(const char *line) {
  int port, connections, milliseconds, one = 1;
  double rate;
  char host[128], path[512];
  if (sscanf(line, "run %d %d %d %lf %127s %511s", &port, &connections, &milliseconds, &rate, host, path) != 6 || connections > MAX_CONNECTIONS) exit(2);
  request_length = (size_t)snprintf(request, sizeof request,
    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) demo-client/1.2\r\nAccept: application/json, text/plain, */*\r\n"
    "Accept-Encoding: gzip, deflate\r\nAuthorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\nX-Tenant: acme\r\n\r\n",
    path, host);
  uint64_t *late = run.late;
  run = (struct run){ .late = late, .running = 1, .open_loop = rate > 0, .interval = rate > 0 ? 1e9 / rate : 0, .count = connections };
  sample_count = 0;
  struct sockaddr_in address = loopback(port);
  for (int i = 0; i < connections; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)&address, sizeof address)) {
      run.errors++;
      run.connections[i] = -1;
      close(fd);
      continue;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(fd, CLIENT);
    run.connections[i] = fd;
  }
  run.start = now();
  run.end = run.start + (uint64_t)milliseconds * 1000000ull;
  run.next_due = (double)run.start;
  for (int i = 0; i < connections; i++) {
    if (run.connections[i] < 0) continue;
    if (run.open_loop) run.idle[run.idle_count++] = run.connections[i];
    else send_request(run.connections[i], run.start);
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
  printf("{\"requests\":%llu,\"seconds\":%.3f,\"errors\":%llu,\"not200\":%llu,\"p50\":%u,\"p99\":%u,\"p999\":%u}\n", (unsigned long long)run.done,
    (double)(at - run.start) / 1e9, (unsigned long long)run.errors, (unsigned long long)run.not_200, quantile(0.5), quantile(0.99), quantile(0.999));
  fflush(stdout);
  for (int i = 0; i < run.count; i++) if (run.connections[i] >= 0) forget(run.connections[i]);
}

/* ------------------------------------------------------------------------------------------------------------------------ the loop */

static void on_readable(int fd) {
  if (peers[fd].kind == LISTENER) {
    accept_all(fd);
    return;
  }
  ssize_t length = read(fd, buffer, sizeof buffer - 1);
  if (length < 0 && errno == EAGAIN) return;
  switch (peers[fd].kind) {
    case COMMANDS:
      if (length <= 0) exit(0);
      buffer[length] = 0;
      start_run(buffer);
      return;
    case SERVER:
      if (length <= 0) forget(fd);
      else answer_requests(fd, buffer, length);
      return;
    case CLIENT:
      if (length <= 0) drop_client(fd);
      else read_answer(fd, buffer, length);
      return;
    default:
      return;
  }
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  int first = atoi(arguments[1]), ports = atoi(arguments[2]);
  body_length = (size_t)atoi(arguments[3]);
  answer = malloc(body_length + 1024);
  samples = malloc(sizeof *samples * MAX_SAMPLES);
  run.late = malloc(sizeof *run.late * MAX_FD);
  answer_length = (size_t)sprintf(answer,
    "HTTP/1.1 200 OK\r\nServer: up/1.0\r\nDate: Mon, 23 Nov 2026 16:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
    "Cache-Control: no-store\r\nX-App: demo-service\r\n\r\n", body_length);
  memset(answer + answer_length, 'x', body_length);
  answer_length += body_length;

  poller = epoll_create1(0);
  for (int i = 0; i < ports; i++) serve(first + i);
  watch(STDIN_FILENO, COMMANDS);
  printf("ready\n");
  fflush(stdout);

  for (;;) {
    struct epoll_event events[EVENTS];
    int timeout = -1;
    if (run.running) timeout = !run.open_loop ? 100 : run.next_due - (double)now() > 2e6 ? 1 : 0;
    int ready = epoll_wait(poller, events, EVENTS, timeout);
    for (int i = 0; i < ready; i++) on_readable(events[i].data.fd);
    if (!run.running) continue;
    uint64_t at = now();
    if (run.open_loop && at < run.end) send_due(at);
    /* An open loop waits a moment for the answers that are under way. */
    if (at >= run.end + (run.open_loop ? 200000000ull : 0)) end_run(at);
  }
}
