/*
 * Clients of TLS, one thread. Commands on standard input, an answer in JSON for each:
 *
 *   run PORT CONNECTIONS MILLISECONDS KIND     KIND: requests (kept alive) or handshakes (a full one for each request, by a connection of its own)
 *
 * Arguments: certificate chain, key, authorities, host. Every peer has to have the host as a DNS name; the client shows its certificate where it is
 * asked for one; no session is ever resumed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define MAX_TIMES 4000000

struct conn {
  int fd;
  SSL *ssl;
  int shaken;
  int sent;
  int got;
  int want;
  double began;
  char head[4096];
};

static SSL_CTX *context;
static const char *host;
static char request[512];
static int request_length;
static int efd, port, each_anew, stopping;
static long done, failed;
static float *times;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void watch(struct conn *c, int op) {
  struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
  epoll_ctl(efd, op, c->fd, &e);
}

static void step(struct conn *c);

static void drop(struct conn *c) {
  if (c->ssl) SSL_free(c->ssl);
  c->ssl = NULL;
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

static void start(struct conn *c) {
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->ssl = SSL_new(context);
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_tlsext_host_name(c->ssl, host);
  SSL_set1_host(c->ssl, host);
  SSL_set_connect_state(c->ssl);
  c->shaken = c->sent = c->got = 0;
  c->want = -1;
  c->began = now();
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
    failed++;
    drop(c);
    return;
  }
  watch(c, EPOLL_CTL_ADD);
}

static void broken(struct conn *c) {
  if (!stopping) {
    failed++;
    if (failed < 4) ERR_print_errors_fp(stderr);
  }
  drop(c);
  if (!stopping && failed < 1000) start(c);
}

/* 0: wait; 1: go on; -1: broken. */
static int outcome(struct conn *c, int result) {
  if (result > 0) return 1;
  int error = SSL_get_error(c->ssl, result);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void answered(struct conn *c) {
  if (!stopping) {
    if (done < MAX_TIMES) times[done] = now() - c->began;
    done++;
  }
  if (each_anew || stopping) {
    SSL_shutdown(c->ssl);
    drop(c);
    if (!stopping) start(c);
    return;
  }
  c->sent = c->got = 0;
  c->want = -1;
  c->began = now();
  step(c);
}

static void step(struct conn *c) {
  char body[65536];
  ERR_clear_error();
  if (!c->shaken) {
    int r = outcome(c, SSL_do_handshake(c->ssl));
    if (r < 0) broken(c);
    if (r <= 0) return;
    c->shaken = 1;
  }
  if (!c->sent) {
    int r = outcome(c, SSL_write(c->ssl, request, request_length));
    if (r < 0) broken(c);
    if (r <= 0) return;
    c->sent = 1;
  }
  for (;;) {
    int n = SSL_read(c->ssl, c->want < 0 ? c->head + c->got : body, c->want < 0 ? (int)sizeof c->head - 1 - c->got : (int)sizeof body);
    int r = outcome(c, n);
    if (r < 0) { broken(c); return; }
    if (r == 0) return;
    c->got += n;
    if (c->want < 0) {
      c->head[c->got] = 0;
      char *end = strstr(c->head, "\r\n\r\n");
      if (!end) continue;
      char *length = strcasestr(c->head, "\r\ncontent-length:");
      if (strncmp(c->head, "HTTP/1.1 200", 12) != 0 || !length) {
        if (failed < 4) fprintf(stderr, "%.200s\n", c->head);
        broken(c);
        return;
      }
      c->want = (int)(end - c->head) + 4 + atoi(length + 17);
    }
    if (c->got >= c->want) { answered(c); return; }
  }
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

static void run(int connections, int milliseconds) {
  struct conn *all = calloc(connections, sizeof *all);
  struct epoll_event events[256];
  done = failed = stopping = 0;
  efd = epoll_create1(0);
  double began = now(), end = began + milliseconds * 1e3;
  for (int i = 0; i < connections; i++) start(&all[i]);
  while (now() < end) {
    int n = epoll_wait(efd, events, 256, 50);
    for (int i = 0; i < n; i++) {
      struct conn *c = events[i].data.ptr;
      if (c->fd >= 0) step(c);
    }
  }
  double seconds = (now() - began) / 1e6;
  stopping = 1;
  for (int i = 0; i < connections; i++) drop(&all[i]);
  close(efd);
  free(all);
  long timed = done < MAX_TIMES ? done : MAX_TIMES;
  qsort(times, timed, sizeof *times, by_size);
  printf("{\"units\":%ld,\"seconds\":%f,\"failures\":%ld,\"p50\":%.1f,\"p99\":%.1f}\n", done, seconds, failed,
    timed ? times[timed / 2] : 0, timed ? times[timed * 99 / 100] : 0);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  signal(SIGPIPE, SIG_IGN);
  host = argv[4];
  context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set1_groups_list(context, "X25519");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  if (SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 || SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1
    || SSL_CTX_load_verify_locations(context, argv[3], NULL) != 1) {
    ERR_print_errors_fp(stderr);
    return 1;
  }
  times = malloc(sizeof *times * MAX_TIMES);
  request_length = snprintf(request, sizeof request, "GET /api/v1/items?id=42 HTTP/1.1\r\nHost: %s\r\nx-tenant: acme\r\nuser-agent: bench\r\naccept: */*\r\n\r\n", host);
  printf("ready\n");
  fflush(stdout);
  char line[256], kind[32];
  int connections, milliseconds;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "run %d %d %d %31s", &port, &connections, &milliseconds, kind) != 4) return 2;
    each_anew = strcmp(kind, "handshakes") == 0;
    run(connections, milliseconds);
  }
  return 0;
}
