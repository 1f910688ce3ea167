/* The load client: many clients in one thread, lean enough not to be the bottleneck.

   load PORT REQUEST_FILE GREETING OUT_FILE
   PORT          on 127.0.0.1
   REQUEST_FILE  the whole request, the same for every socket: the upgrade to a WebSocket, or a GET
                 of an event stream (SSE), which accepts text/event-stream
   GREETING      frames after the answer that belong to the handshake: 0, or 2 for hello and snapshot

   Obeys lines on standard input, answers each with one line of JSON:
   open N K   open N more sockets, K handshakes in flight at most; answers when each is greeted or lost
   await M S  until every open socket has M events, S seconds at most
   report     write what arrived to OUT_FILE as pairs of uint64 (t, arrival), unix nanoseconds; forget it
   End of input closes everything.

   An event is a text frame, or a message of an event stream, with `"seq":`. Each socket's numbers are checked to follow each other.
   t is the number after `t=` in the event; 0 marks an event that is not measured. Binary frames with
   the MessagePack key `seq`, and compressed frames, are events too, and are only counted. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOURCES 8            /* loopback addresses we connect from: each has its own ports */
#define BUFFER (4 << 20)     /* bytes read at once; also the longest frame */
#define BATCH 1024           /* sockets handled per epoll_wait */
#define OPEN_TIMEOUT_NS 60000000000ull

enum state { CONNECTING, UPGRADING, GREETING, OPEN, LOST };

struct client {
    int fd, close_code;
    enum state state;
    unsigned greeted;
    uint64_t begun, first_seq, seq, events;
    char *rest;              /* the beginning of a frame whose end has not come */
    size_t rest_length;
};

static struct client *clients;
static size_t count, settled, in_flight, wanted, most_in_flight;
static uint64_t *took, *records;
static size_t records_count, records_room;
static uint64_t events, holes, doubles, bytes;
static int poller, port;
static unsigned greeting;
static int is_event_stream;
static char *request, *buffer;
static size_t request_length;

static uint64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void settle(struct client *c, enum state state) {
    if (c->state < OPEN) {
        in_flight--;
        took[settled++] = state == OPEN ? now(CLOCK_MONOTONIC) - c->begun : UINT64_MAX;
    }
    c->state = state;
    if (state == LOST) {
        close(c->fd);
        free(c->rest);
        c->rest = NULL;
        c->rest_length = 0;
    }
}

static void dial(struct client *c, size_t number) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    int yes = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket");
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number % SOURCES);
    if (bind(c->fd, (void *)&address, sizeof address)) die("bind");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    c->begun = now(CLOCK_MONOTONIC);
    c->state = CONNECTING;
    in_flight++;
    if (connect(c->fd, (void *)&address, sizeof address) && errno != EINPROGRESS) {
        settle(c, LOST);
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = number};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
}

static void arrived(struct client *c, const char *text, size_t length, uint64_t at) {
    const char *found = memmem(text, length, "\"seq\":", 6);
    if (!found) return;
    uint64_t seq = strtoull(found + 6, NULL, 10), t;
    if (!c->seq) c->first_seq = seq;
    else if (seq <= c->seq) doubles++;
    else holes += seq - c->seq - 1;
    if (seq > c->seq) c->seq = seq;
    c->events++;
    events++;
    if (!(found = memmem(text, length, "t=", 2)) || !(t = strtoull(found + 2, NULL, 10))) return;
    if (records_count + 2 > records_room) {
        records_room = records_room ? 2 * records_room : 1 << 20;
        if (!(records = realloc(records, records_room * sizeof *records))) die("realloc");
    }
    records[records_count++] = t;
    records[records_count++] = at;
}

/* A frame that is not read further: whether it is an event shows in its bytes. */
static void counted(struct client *c, const char *payload, size_t length, int compressed) {
    if (!compressed && !memmem(payload, length, "\xa3seq", 4)) return;
    c->events++;
    events++;
}

static void greeted(struct client *c) {
    if (++c->greeted >= greeting) settle(c, OPEN);
}

/* One message of an event stream, up to its empty line; its length, or 0 where its end has not
   come. The sizes of HTTP chunks stand between messages and are not read. */
static size_t message(struct client *c, const char *data, size_t size, uint64_t at) {
    const char *end = memmem(data, size, "\n\n", 2);
    if (!end) return 0;
    size_t length = end + 2 - data;
    if (c->state == GREETING) greeted(c);
    else arrived(c, data, length, at);
    return length;
}

/* One frame at the beginning of the data; its length, or 0 where its end has not come. */
static size_t frame(struct client *c, const unsigned char *data, size_t size, uint64_t at) {
    size_t head = 2, length;
    if (size < 2) return 0;
    length = data[1] & 127;
    if (length == 126) {
        if (size < 4) return 0;
        length = data[2] << 8 | data[3];
        head = 4;
    } else if (length == 127) {
        if (size < 10) return 0;
        length = 0;
        for (int i = 2; i < 10; i++) length = length << 8 | data[i];
        head = 10;
    }
    if (head + length > BUFFER) exit(fprintf(stderr, "a frame of %zu bytes\n", length));
    if (size < head + length) return 0;
    const char *payload = (const char *)data + head;
    switch (data[0] & 15) {
    case 1:
    case 2:
        if (c->state == GREETING) {
            greeted(c);
        } else if (data[0] & 64 || (data[0] & 15) == 2) counted(c, payload, length, data[0] & 64);
        else arrived(c, payload, length, at);
        break;
    case 8:
        c->close_code = length >= 2 ? data[head] << 8 | data[head + 1] : 1005;
        break;
    case 9: {
        char pong[131] = {(char)0x8a, (char)(0x80 | length)};  /* masked with zeros */
        memcpy(pong + 6, payload, length);
        if (write(c->fd, pong, 6 + length) < 0 && errno != EAGAIN) return head + length;
    }
    }
    return head + length;
}

static void readable(struct client *c) {
    for (;;) {
        if (c->rest_length) memcpy(buffer, c->rest, c->rest_length);
        ssize_t got = recv(c->fd, buffer + c->rest_length, BUFFER - c->rest_length, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            settle(c, LOST);
            return;
        }
        uint64_t at = now(CLOCK_REALTIME);
        size_t size = c->rest_length + got, done = 0, used;
        int drained = size < BUFFER;
        bytes += got;
        if (c->state <= UPGRADING) {
            char *end = memmem(buffer, size, "\r\n\r\n", 4);
            if (end && memcmp(buffer, is_event_stream ? "HTTP/1.1 200" : "HTTP/1.1 101", 12)) {
                settle(c, LOST);
                return;
            }
            if (end) {
                done = end + 4 - buffer;
                if (greeting) c->state = GREETING;
                else settle(c, OPEN);
            }
        }
        if (c->state > UPGRADING)
            while ((used = is_event_stream
                               ? message(c, buffer + done, size - done, at)
                               : frame(c, (unsigned char *)buffer + done, size - done, at)))
                done += used;
        if (c->rest_length || size > done) {
            if (!(c->rest = realloc(c->rest, size - done + 1))) die("realloc");
            memcpy(c->rest, buffer + done, size - done);
            c->rest_length = size - done;
        }
        if (drained) return;  /* edge-triggered: what comes now wakes us again */
    }
}

static void step(int timeout_ms) {
    struct epoll_event ready[BATCH];
    while (in_flight < most_in_flight && count < wanted) {
        dial(&clients[count], count);
        count++;
    }
    int n = epoll_wait(poller, ready, BATCH, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct client *c = &clients[ready[i].data.u64];
        if (c->state == CONNECTING && ready[i].events & EPOLLOUT) {
            if (write(c->fd, request, request_length) == (ssize_t)request_length) c->state = UPGRADING;
            else settle(c, LOST);
        }
        if (c->state != LOST && ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
    }
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void open_more(size_t more, size_t most) {
    uint64_t begun = now(CLOCK_MONOTONIC);
    wanted = count + more;
    most_in_flight = most;
    clients = realloc(clients, wanted * sizeof *clients);
    took = realloc(took, wanted * sizeof *took);
    if (!clients || !took) die("realloc");
    memset(clients + count, 0, more * sizeof *clients);
    settled = 0;
    while (settled < more && now(CLOCK_MONOTONIC) - begun < OPEN_TIMEOUT_NS) step(100);
    double seconds = (now(CLOCK_MONOTONIC) - begun) / 1e9;
    qsort(took, settled, sizeof *took, ascending);
    size_t good = 0;
    while (good < settled && took[good] != UINT64_MAX) good++;
    printf("{\"opened\": %zu, \"seconds\": %.6f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", good, seconds,
           good ? took[good / 2] / 1e6 : -1, good ? took[good * 99 / 100] / 1e6 : -1);
}

static void await_events(uint64_t least, double seconds) {
    uint64_t begun = now(CLOCK_MONOTONIC);
    size_t first_behind = 0;
    while (first_behind < count && (now(CLOCK_MONOTONIC) - begun) / 1e9 < seconds) {
        struct client *c = &clients[first_behind];
        if (c->state != OPEN || c->events >= least) first_behind++;
        else step(20);
    }
    printf("{\"all\": %s, \"seconds\": %.6f}\n", first_behind == count ? "true" : "false",
           (now(CLOCK_MONOTONIC) - begun) / 1e9);
}

static void report(const char *path) {
    uint64_t least = UINT64_MAX, most = 0;
    size_t lost = 0;
    int code = 0;
    for (size_t i = 0; i < count; i++) {
        if (clients[i].state == LOST) {
            lost++;
            code = clients[i].close_code;
        }
        if (clients[i].events < least) least = clients[i].events;
        if (clients[i].events > most) most = clients[i].events;
        clients[i].events = 0;
    }
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(records, sizeof *records, records_count, out) != records_count || fclose(out))
        die(path);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
                 (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"events\": %lu, \"least\": %lu, \"most\": %lu, \"holes\": %lu, \"doubles\": %lu, "
           "\"bytes\": %lu, \"lost\": %zu, \"close_code\": %d, \"cpu_s\": %.3f}\n",
           events, count ? least : 0, most, holes, doubles, bytes, lost, code, cpu);
    records_count = events = holes = doubles = bytes = 0;
}

int main(int argc, char **argv) {
    struct rlimit files;
    if (argc != 5) exit(fprintf(stderr, "load PORT REQUEST_FILE GREETING OUT_FILE\n"));
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    port = atoi(argv[1]);
    greeting = atoi(argv[3]);
    request = malloc(1 << 16);
    buffer = malloc(BUFFER);
    FILE *file = fopen(argv[2], "rb");
    if (!file || !(request_length = fread(request, 1, 1 << 16, file))) die(argv[2]);
    fclose(file);
    is_event_stream = memmem(request, request_length, "text/event-stream", 17) != NULL;
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
    setvbuf(stdout, NULL, _IOLBF, 0);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    char line[200];
    size_t length = 0;
    for (;;) {
        ssize_t got = read(0, line + length, 1);
        if (got == 0) return 0;
        if (got < 0) {
            step(5);
            continue;
        }
        if (line[length++] != '\n') continue;
        line[length] = 0;
        length = 0;
        size_t a;
        double b;
        if (sscanf(line, "open %zu %lf", &a, &b) == 2) open_more(a, b);
        else if (sscanf(line, "await %zu %lf", &a, &b) == 2) await_events(a, b);
        else if (!strcmp(line, "report\n")) report(argv[4]);
        else exit(fprintf(stderr, "unknown: %s", line));
    }
}
