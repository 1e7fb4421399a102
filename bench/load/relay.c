// The least that any proxy has to do, as a yardstick: it reads what one side sends and writes it to the other, looks at nothing, and has a connection
// of its own to the application for each client. One thread, epoll, one read and one write in each direction of a request.
// usage: relay PORT UPSTREAM_PORT…
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FD 20000

static int other[MAX_FD];
static char buffer[64 * 1024];

static struct sockaddr_in at(int port) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  return address;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int poll, int fd) {
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

static void drop(int fd) {
  close(other[fd]);
  close(fd);
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  int one = 1, next = 2, poll = epoll_create1(0), server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = at(atoi(arguments[1]));
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 4096) < 0) fail("listen");
  watch(poll, server);
  struct epoll_event events[256];
  for (;;) {
    int ready = epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == server) {
        int client = accept4(server, NULL, NULL, SOCK_NONBLOCK);
        if (client < 0) continue;
        int upstream = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in to = at(atoi(arguments[next]));
        next = next + 1 == count ? 2 : next + 1;
        if (upstream < 0 || upstream >= MAX_FD || client >= MAX_FD) fail("too many connections");
        if (connect(upstream, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(upstream, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        other[client] = upstream;
        other[upstream] = client;
        watch(poll, client);
        watch(poll, upstream);
        continue;
      }
      ssize_t length = read(fd, buffer, sizeof buffer);
      if (length > 0) {
        // Messages of this benchmark fit into what a socket takes.
        if (write(other[fd], buffer, length) != length) fail("write");
      } else if (length == 0 || errno != EAGAIN) {
        drop(fd);
        // Of this pair nothing else may be looked at: its numbers may be given anew.
        for (int j = i + 1; j < ready; j++) if (events[j].data.fd == other[fd]) events[j].data.fd = server;
      }
    }
  }
}
