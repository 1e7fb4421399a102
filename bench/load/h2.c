/*
 * As load.c, over HTTP/2 with prior knowledge: the application and its clients in one thread.
 *
 *   h2 FIRST_PORT PORTS BODY_BYTES [grpc]
 *
 * Answers each request on 127.0.0.1, ports FIRST_PORT … FIRST_PORT + PORTS - 1, with 200 and BODY_BYTES bytes; a connection that does not begin with
 * the preface is served HTTP/1.1, for proxies that cannot speak HTTP/2 to an upstream. Reads commands, one a line:
 *
 *   run PORT CONNECTIONS STREAMS MILLISECONDS HOST PATH
 *
 * With `grpc` requests are unary calls: a message of BODY_BYTES goes, one comes, and trailers with a status, which has to be 0.
 *
 * and answers each with one line of JSON. A closed loop: every one of CONNECTIONS × STREAMS streams is followed by the next when it ends.
 *
 * Header blocks are what nghttp2 would send: Huffman coded where that is shorter; what repeats is put into the peer's table, :path, authorization and
 * content-length are not. A peer that allows no table gets literals. What comes is read as far as it has to be: frames, windows, settings, :status.
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

enum { MAX_FD = 4096, MAX_SAMPLES = 16000000, BUFFER = 524288, EVENTS = 512, MAX_STREAMS = 1024, WINDOW = 1 << 30 };
enum kind { NOTHING, COMMANDS, LISTENER, UNKNOWN, SERVER1, SERVER2, CLIENT };
enum frame { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION };

struct peer {
  enum kind kind;
  uint8_t *rest;         /* bytes of a frame that is not complete */
  size_t rest_length, rest_room;
  uint8_t *out;          /* what goes out after this read */
  size_t out_length, out_room;
  size_t out_written;
  int blocked;           /* waits for EPOLLOUT */
  int no_table, table_told, table_filled;
  long window;           /* the connection's, for what this side sends */
  long consumed;         /* received, not yet given back */
  uint32_t waiting[MAX_STREAMS]; /* server: streams whose answers wait for the window */
  int waiting_count;
  uint32_t next_stream;
  uint64_t due[MAX_STREAMS];     /* client: when the stream was opened, by its number */
  long missing[MAX_STREAMS];
  int matched;
};

static struct peer *peers[MAX_FD];
static long body_length;
static int is_grpc;
static uint8_t *body;
static char *answer1;
static size_t answer1_length;
static uint8_t buffer[BUFFER];
static int poller;

static struct run {
  int running, connections[MAX_FD], count, streams;
  uint64_t start, end;
  uint64_t done, errors, not_200;
} run;
static uint32_t *samples, sample_count;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int fd, enum kind kind) {
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
  if (fd >= MAX_FD) exit(2);
  peers[fd] = calloc(1, sizeof **peers);
  peers[fd]->kind = kind;
  peers[fd]->window = 65535;
  peers[fd]->next_stream = 1;
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static void forget(int fd) {
  free(peers[fd]->rest);
  free(peers[fd]->out);
  free(peers[fd]);
  peers[fd] = NULL;
  close(fd);
}

/* ------------------------------------------------------------------------------------------------------------------------ header blocks */

/* RFC 7541 Appendix B is canonical, so the lengths of its codes say all; runs of a length for a count of symbols. */
static const uint16_t runs[][2] = {
  {13,1},{23,1},{28,7},{24,1},{30,1},{28,2},{30,1},{28,8},{30,1},{28,9},{6,1},{10,2},{12,1},{13,1},{6,1},{8,1},{11,1},{10,2},{8,1},{11,1},{8,1},{6,3},
  {5,3},{6,7},{7,1},{8,1},{15,1},{6,1},{12,1},{10,1},{13,1},{6,1},{7,22},{8,1},{7,1},{8,1},{13,1},{19,1},{13,1},{14,1},{6,1},{15,1},{5,1},{6,1},{5,1},
  {6,1},{5,1},{6,3},{5,1},{7,2},{6,3},{5,1},{6,1},{7,1},{6,1},{5,2},{6,1},{7,5},{15,1},{11,1},{14,1},{13,1},
};
static uint8_t code_length[128];
static uint32_t code[128];

static void build_huffman(void) {
  int symbol = 0;
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
    for (int k = 0; k < runs[i][1] && symbol < 128; k++) code_length[symbol++] = (uint8_t)runs[i][0];
  /* Only codes of up to 15 bits are used here, and none beyond ASCII is that short. */
  uint32_t next = 0;
  for (int length = 5; length <= 15; length++, next <<= 1)
    for (int s = 0; s < 128; s++) if (code_length[s] == length) code[s] = next++;
}

struct block { uint8_t bytes[2048]; size_t length; };

static void put_integer(struct block *b, unsigned value, unsigned mask, unsigned pattern) {
  if (value < mask) {
    b->bytes[b->length++] = (uint8_t)(pattern | value);
    return;
  }
  b->bytes[b->length++] = (uint8_t)(pattern | mask);
  for (value -= mask; value >= 128; value >>= 7) b->bytes[b->length++] = (uint8_t)(value | 128);
  b->bytes[b->length++] = (uint8_t)value;
}

static void put_string(struct block *b, const char *text) {
  size_t length = strlen(text), bits = 0;
  for (size_t i = 0; i < length; i++) bits += code_length[(uint8_t)text[i] & 127];
  size_t coded = (bits + 7) / 8;
  if (coded >= length) {
    put_integer(b, (unsigned)length, 127, 0);
    memcpy(b->bytes + b->length, text, length);
    b->length += length;
    return;
  }
  put_integer(b, (unsigned)coded, 127, 128);
  uint64_t pending = 0;
  int have = 0;
  for (size_t i = 0; i < length; i++) {
    uint8_t c = (uint8_t)text[i];
    pending = (pending << code_length[c]) | code[c];
    for (have += code_length[c]; have >= 8; have -= 8) b->bytes[b->length++] = (uint8_t)(pending >> (have - 8));
  }
  if (have > 0) b->bytes[b->length++] = (uint8_t)((pending << (8 - have)) | (0xff >> have));
}

/* static_name: its entry in the static table, 0: none. */
struct field { int static_name; const char *name, *value; int secret, changes, complete; };

/* first: into the table; again: out of it; plain: without one. */
struct blocks { struct block first, again, plain; };

static void build(struct blocks *b, const struct field *fields, int count) {
  memset(b, 0, sizeof *b);
  int inserted = 0, total = 0;
  for (int i = 0; i < count; i++) total += !fields[i].complete && !fields[i].secret && !fields[i].changes;
  for (int i = 0; i < count; i++) {
    const struct field *f = &fields[i];
    struct block *all[3] = { &b->first, &b->again, &b->plain };
    if (f->complete) {
      for (int k = 0; k < 3; k++) put_integer(all[k], (unsigned)f->static_name, 127, 128);
      continue;
    }
    int indexed = !f->secret && !f->changes;
    for (int k = 0; k < 3; k++) {
      if (indexed && k == 1) {
        /* The newest has index 62, and this one was followed by all the later ones. */
        put_integer(all[k], (unsigned)(62 + total - 1 - inserted), 127, 128);
        continue;
      }
      int inserts = indexed && k == 0;
      put_integer(all[k], (unsigned)f->static_name, inserts ? 63 : 15, inserts ? 64 : f->secret ? 16 : 0);
      if (f->static_name == 0) put_string(all[k], f->name);
      put_string(all[k], f->value);
    }
    inserted += indexed;
  }
}

static struct blocks request_blocks, answer_blocks, trailer_blocks;

/* ------------------------------------------------------------------------------------------------------------------------ frames out */

static uint8_t *room(struct peer *p, size_t length) {
  if (p->out_length + length > p->out_room) {
    p->out_room = (p->out_length + length) * 2;
    p->out = realloc(p->out, p->out_room);
  }
  return p->out + p->out_length;
}

static void put_head(uint8_t *at, size_t length, int type, int flags, uint32_t stream) {
  at[0] = (uint8_t)(length >> 16);
  at[1] = (uint8_t)(length >> 8);
  at[2] = (uint8_t)length;
  at[3] = (uint8_t)type;
  at[4] = (uint8_t)flags;
  at[5] = (uint8_t)(stream >> 24);
  at[6] = (uint8_t)(stream >> 16);
  at[7] = (uint8_t)(stream >> 8);
  at[8] = (uint8_t)stream;
}

static void put_frame(struct peer *p, int type, int flags, uint32_t stream, const void *payload, size_t length) {
  uint8_t *at = room(p, 9 + length);
  put_head(at, length, type, flags, stream);
  if (length) memcpy(at + 9, payload, length);
  p->out_length += 9 + length;
}

static void put_window(struct peer *p, uint32_t increment) {
  uint8_t bytes[4] = { (uint8_t)(increment >> 24), (uint8_t)(increment >> 16), (uint8_t)(increment >> 8), (uint8_t)increment };
  put_frame(p, WINDOW_UPDATE, 0, 0, bytes, 4);
}

/* grpc-status: 0, literally. */
static void put_trailers(struct peer *p, uint32_t stream) {
  put_frame(p, HEADERS, 5, stream, trailer_blocks.plain.bytes, trailer_blocks.plain.length);
}

static void put_headers(struct peer *p, const struct blocks *blocks, uint32_t stream, int flags) {
  const struct block *b = p->no_table ? &blocks->plain : p->table_filled ? &blocks->again : &blocks->first;
  int tell = p->no_table && !p->table_told;
  uint8_t *at = room(p, 10 + b->length);
  put_head(at, b->length + (size_t)tell, HEADERS, flags | 4, stream);
  if (tell) at[9] = 0x20;
  memcpy(at + 9 + tell, b->bytes, b->length);
  p->out_length += 9 + (size_t)tell + b->length;
  p->table_told |= tell;
  p->table_filled = !p->no_table;
}

static void greet(struct peer *p, int is_client) {
  static const uint8_t client_settings[] = { 0, 2, 0, 0, 0, 0, 0, 4, 0x3f, 0xff, 0xff, 0xff };
  static const uint8_t server_settings[] = { 0, 3, 0, 0, 0, 128, 0, 4, 0x3f, 0xff, 0xff, 0xff };
  if (is_client) {
    memcpy(room(p, 24), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    p->out_length += 24;
  }
  put_frame(p, SETTINGS, 0, 0, is_client ? client_settings : server_settings, 12);
  put_window(p, WINDOW);
}

static void flush(int fd) {
  struct peer *p = peers[fd];
  while (p->out_written < p->out_length) {
    ssize_t n = write(fd, p->out + p->out_written, p->out_length - p->out_written);
    if (n > 0) {
      p->out_written += (size_t)n;
    } else if (errno == EAGAIN) {
      if (!p->blocked) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.fd = fd };
        epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
        p->blocked = 1;
      }
      return;
    } else {
      break;
    }
  }
  p->out_written = p->out_length = 0;
  if (p->blocked) {
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
    p->blocked = 0;
  }
}

/* ------------------------------------------------------------------------------------------------------------------------ the application */

static void answer(struct peer *p, uint32_t stream) {
  if (p->window < body_length) {
    if (p->waiting_count == MAX_STREAMS) exit(3);
    p->waiting[p->waiting_count++] = stream;
    return;
  }
  p->window -= body_length;
  put_headers(p, &answer_blocks, stream, 0);
  put_frame(p, DATA, !is_grpc, stream, body, (size_t)body_length);
  if (is_grpc) put_trailers(p, stream);
}

static void serve_waiting(struct peer *p) {
  int count = p->waiting_count;
  p->waiting_count = 0;
  for (int i = 0; i < count; i++) answer(p, p->waiting[i]);
}

static void write_answer1(struct peer *p) {
  memcpy(room(p, answer1_length), answer1, answer1_length);
  p->out_length += answer1_length;
}

static void answer_requests1(struct peer *p, const uint8_t *bytes, ssize_t length) {
  for (ssize_t i = 0; i < length; i++) {
    p->matched = bytes[i] == (uint8_t)"\r\n\r\n"[p->matched] ? p->matched + 1 : bytes[i] == '\r';
    if (p->matched < 4) continue;
    p->matched = 0;
    write_answer1(p);
  }
}

/* ------------------------------------------------------------------------------------------------------------------------ its clients */

static void open_stream(struct peer *p, uint64_t at) {
  uint32_t stream = p->next_stream;
  p->next_stream += 2;
  p->due[(stream >> 1) % MAX_STREAMS] = at;
  p->missing[(stream >> 1) % MAX_STREAMS] = body_length;
  put_headers(p, &request_blocks, stream, !is_grpc);
  if (is_grpc) put_frame(p, DATA, 1, stream, body, (size_t)body_length);
}

/* Whether the block says :status 200, in any of the ways to write it. */
static int is_200(const uint8_t *b, size_t length) {
  size_t i = 0;
  while (i < length && (b[i] & 0xe0) == 0x20) {
    int more = (b[i] & 0x1f) == 0x1f;
    i++;
    while (more && i < length) more = b[i++] & 128;
  }
  if (i < length && b[i] == 0x88) return 1;
  if (i + 4 < length && (b[i] == 0x08 || b[i] == 0x18 || b[i] == 0x48) && b[i + 1] == 3) return memcmp(b + i + 2, "200", 3) == 0;
  return i + 3 < length && (b[i] == 0x08 || b[i] == 0x18 || b[i] == 0x48) && b[i + 1] == 0x82 && b[i + 2] == 0x10 && (b[i + 3] & 0xf8) == 0;
}

/* Whether trailers say grpc-status 0 and nothing else: its name Huffman coded or not, or all of it out of the table, where only it can stand that comes so often. */
static int is_ok(const uint8_t *b, size_t length) {
  const struct block *coded = &trailer_blocks.plain;
  static const char literal[] = "\013grpc-status\0010";
  if (length == coded->length && memcmp(b + 1, coded->bytes + 1, length - 1) == 0) return 1;
  if (length == 1 && b[0] > 0xbd) return 1;
  return length == sizeof literal && memcmp(b + 1, literal, sizeof literal - 1) == 0;
}

static void ended(struct peer *p, uint32_t stream) {
  uint64_t at = now();
  if (p->missing[(stream >> 1) % MAX_STREAMS] != 0) run.errors++;
  run.done++;
  if (sample_count < MAX_SAMPLES) samples[sample_count++] = (uint32_t)((at - p->due[(stream >> 1) % MAX_STREAMS]) / 1000);
  if (run.running && at < run.end) open_stream(p, at);
}

/* ------------------------------------------------------------------------------------------------------------------------ frames in */

static void on_settings(struct peer *p, const uint8_t *b, size_t length) {
  for (size_t i = 0; i + 6 <= length; i += 6) {
    uint32_t value = (uint32_t)b[i + 2] << 24 | (uint32_t)b[i + 3] << 16 | (uint32_t)b[i + 4] << 8 | b[i + 5];
    if (b[i] == 0 && b[i + 1] == 1 && value < 4096) p->no_table = 1;
  }
  put_frame(p, SETTINGS, 1, 0, NULL, 0);
}

static void on_frame(struct peer *p, int type, int flags, uint32_t stream, const uint8_t *b, size_t length) {
  int is_client = p->kind == CLIENT;
  switch (type) {
    case SETTINGS:
      if (flags & 1) return;
      on_settings(p, b, length);
      if (is_client && p->next_stream == 1) for (int i = 0; i < run.streams; i++) open_stream(p, now());
      return;
    case PING:
      if (!(flags & 1)) put_frame(p, PING, 1, 0, b, 8);
      return;
    case WINDOW_UPDATE:
      if (stream == 0) p->window += ((uint32_t)b[0] & 127) << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
      if (p->waiting_count) serve_waiting(p);
      return;
    case HEADERS:
      if (flags & 8) exit(4);
      if (flags & 32) {
        b += 5;
        length -= 5;
      }
      if (!is_client) {
        if (flags & 1) answer(p, stream);
        return;
      }
      if (is_grpc && flags & 1) {
        if (!is_ok(b, length)) run.not_200++;
      } else if (!is_200(b, length)) {
        run.not_200++;
      }
      if (flags & 1) ended(p, stream);
      return;
    case DATA:
      p->consumed += (long)length;
      if (p->consumed > WINDOW / 4) {
        put_window(p, (uint32_t)p->consumed);
        p->consumed = 0;
      }
      if (!is_client) {
        if (flags & 1) answer(p, stream);
        return;
      }
      p->missing[(stream >> 1) % MAX_STREAMS] -= (long)length;
      if (flags & 1) ended(p, stream);
      return;
    case RST_STREAM:
      /* A proxy may say so after a whole answer. */
      if (is_client && p->missing[(stream >> 1) % MAX_STREAMS] != 0) run.errors++;
      return;
    case GOAWAY:
      run.errors += is_client;
      return;
    default:
      return;
  }
}

static void keep(struct peer *p, const uint8_t *b, size_t length) {
  if (length > p->rest_room) p->rest = realloc(p->rest, p->rest_room = length * 2);
  memmove(p->rest, b, length);
  p->rest_length = length;
}

static void read_frames(struct peer *p, const uint8_t *b, size_t length) {
  size_t i = 0;
  while (length - i >= 9) {
    size_t payload = (size_t)b[i] << 16 | (size_t)b[i + 1] << 8 | b[i + 2];
    if (length - i < 9 + payload) break;
    uint32_t stream = ((uint32_t)b[i + 5] & 127) << 24 | (uint32_t)b[i + 6] << 16 | (uint32_t)b[i + 7] << 8 | b[i + 8];
    on_frame(p, b[i + 3], b[i + 4], stream, b + i + 9, payload);
    i += 9 + payload;
  }
  keep(p, b + i, length - i);
}

/* ------------------------------------------------------------------------------------------------------------------------ runs */

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  return address;
}

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
    watch(fd, UNKNOWN);
  }
}

static void start_run(const char *line) {
  int port, connections, streams, milliseconds, one = 1;
  static char host[128], path[512];
  if (sscanf(line, "run %d %d %d %d %127s %511s", &port, &connections, &streams, &milliseconds, host, path) != 6 || streams > MAX_STREAMS) exit(2);
  struct field call[] = {
    { 3, ":method", "POST", 0, 0, 1 }, { 4, ":path", path, 0, 0, 0 }, { 6, ":scheme", "http", 0, 0, 1 }, { 1, ":authority", host, 0, 0, 0 },
    { 0, "te", "trailers", 0, 0, 0 }, { 31, "content-type", "application/grpc", 0, 0, 0 }, { 58, "user-agent", "grpc-go/1.66.0", 0, 0, 0 },
    { 0, "x-tenant", "acme", 0, 0, 0 }, { 0, "grpc-timeout", "4999m", 0, 1, 0 }, { 0, "grpc-accept-encoding", "gzip", 0, 0, 0 },
  };
  struct field fields[] = {
    { 2, ":method", "GET", 0, 0, 1 }, { 4, ":path", path, 0, 1, 0 }, { 6, ":scheme", "http", 0, 0, 1 }, { 1, ":authority", host, 0, 0, 0 },
    { 58, "user-agent", "Mozilla/5.0 (X11; Linux x86_64) demo-client/1.2", 0, 0, 0 }, { 19, "accept", "application/json, text/plain, */*", 0, 0, 0 },
    { 16, "accept-encoding", "gzip, deflate", 0, 0, 1 },
    { 23, "authorization", "Bearer abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1, 0, 0 }, { 0, "x-tenant", "acme", 0, 0, 0 },
  };
  if (is_grpc) build(&request_blocks, call, sizeof call / sizeof *call);
  else build(&request_blocks, fields, sizeof fields / sizeof *fields);
  run = (struct run){ .running = 1, .count = connections, .streams = streams };
  sample_count = 0;
  struct sockaddr_in address = loopback(port);
  run.start = now();
  run.end = run.start + (uint64_t)milliseconds * 1000000ull;
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
    /* Requests follow the peer's SETTINGS, which say whether there is a table. */
    greet(peers[fd], 1);
    flush(fd);
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

static void drop(int fd) {
  if (peers[fd]->kind == CLIENT) {
    run.errors++;
    for (int i = 0; i < run.count; i++) if (run.connections[i] == fd) run.connections[i] = -1;
  }
  forget(fd);
}

static void on_bytes(int fd, const uint8_t *bytes, ssize_t length) {
  struct peer *p = peers[fd];
  if (p->kind == UNKNOWN) {
    /* Every proxy of the comparison writes the preface in one piece. */
    p->kind = length >= 24 && memcmp(bytes, "PRI ", 4) == 0 ? SERVER2 : SERVER1;
    if (p->kind == SERVER2) {
      greet(p, 0);
      bytes += 24;
      length -= 24;
    }
  }
  if (p->kind == SERVER1) answer_requests1(p, bytes, length);
  else read_frames(p, bytes, (size_t)length);
  flush(fd);
}

static void on_event(int fd, uint32_t events) {
  struct peer *p = peers[fd];
  if (!p) return;
  if (p->kind == LISTENER) {
    accept_all(fd);
    return;
  }
  if (events & EPOLLOUT) flush(fd);
  if (!(events & ~(uint32_t)EPOLLOUT)) return;
  size_t kept = p->rest_length;
  if (kept) memcpy(buffer, p->rest, kept);
  p->rest_length = 0;
  ssize_t length = read(fd, buffer + kept, sizeof buffer - kept - 1);
  if (length < 0 && errno == EAGAIN) {
    p->rest_length = kept;
    return;
  }
  if (p->kind == COMMANDS) {
    if (length <= 0) exit(0);
    buffer[length] = 0;
    start_run((char *)buffer);
  } else if (length <= 0) {
    drop(fd);
  } else {
    on_bytes(fd, buffer, (ssize_t)kept + length);
  }
}

int main(int count, char **arguments) {
  if (count != 4 && (count != 5 || strcmp(arguments[4], "grpc"))) return 2;
  is_grpc = count == 5;
  int first = atoi(arguments[1]), ports = atoi(arguments[2]);
  body_length = atol(arguments[3]);
  body = malloc((size_t)body_length + 1);
  memset(body, 'x', (size_t)body_length);
  if (is_grpc) {
    /* One message, not compressed: a flag, and its length in four bytes. */
    memset(body, 0, 5);
    body[3] = (uint8_t)((body_length - 5) >> 8);
    body[4] = (uint8_t)(body_length - 5);
  }
  samples = malloc(sizeof *samples * MAX_SAMPLES);
  build_huffman();
  char digits[24];
  snprintf(digits, sizeof digits, "%ld", body_length);
  struct field fields[] = {
    { 8, ":status", "200", 0, 0, 1 }, { 54, "server", "up/1.0", 0, 0, 0 }, { 33, "date", "Mon, 23 Nov 2026 16:00:00 GMT", 0, 0, 0 },
    { 31, "content-type", "application/json", 0, 0, 0 }, { 28, "content-length", digits, 0, 1, 0 }, { 24, "cache-control", "no-store", 0, 0, 0 },
    { 0, "x-app", "demo-service", 0, 0, 0 },
  };
  struct field called[] = { { 8, ":status", "200", 0, 0, 1 }, { 31, "content-type", "application/grpc", 0, 0, 0 } };
  struct field trailers[] = { { 0, "grpc-status", "0", 0, 0, 0 } };
  build(&trailer_blocks, trailers, 1);
  if (is_grpc) build(&answer_blocks, called, sizeof called / sizeof *called);
  else build(&answer_blocks, fields, sizeof fields / sizeof *fields);
  answer1 = malloc((size_t)body_length + 1024);
  answer1_length = (size_t)sprintf(answer1,
    "HTTP/1.1 200 OK\r\nServer: up/1.0\r\nDate: Mon, 23 Nov 2026 16:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: %ld\r\n"
    "Cache-Control: no-store\r\nX-App: demo-service\r\n\r\n", body_length);
  memcpy(answer1 + answer1_length, body, (size_t)body_length);
  answer1_length += (size_t)body_length;

  poller = epoll_create1(0);
  for (int i = 0; i < ports; i++) serve(first + i);
  watch(STDIN_FILENO, COMMANDS);
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, run.running ? 20 : -1);
    for (int i = 0; i < ready; i++) on_event(events[i].data.fd, events[i].events);
    if (!run.running) continue;
    uint64_t at = now();
    if (at >= run.end) end_run(at);
  }
}
