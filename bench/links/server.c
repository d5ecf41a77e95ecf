/* A Modbus server that is never the bottleneck: one epoll loop, one answer per request, nothing else.
 *
 *     server TCP_PORT RTU_PORT
 *
 * Functions 3 and 4 read registers that hold float32 values, high word first, between 20.0 and 1044.0 in steps of 0.25. They
 * move on by one value with every answer, so that no value is the one before. Anything else ends the connection.
 * It looks for work PATIENCE times before it sleeps: a busy client does not pay for waking it, as it would not wake a device.
 * On RTU_PORT the same as RTU frames on TCP. Prints "ready" and serves until its standard input is closed.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SPACE = 4096, LARGEST = 260, CONNECTIONS = 4096, PATIENCE = 5000 };

struct connection {
    int rtu;
    size_t filled;
    uint8_t in[SPACE];
};

static struct connection *connections[CONNECTIONS];
static uint8_t registers[2 * 65536 + 4 * 4096 + 2 * 125];
static uint16_t crc_of_byte[256];
static unsigned count;

static void fill(void)
{
    for (size_t k = 0; k < sizeof registers / 4; k++) {
        float value = 20.0f + 0.25f * (float)(k % 4095);
        uint32_t raw;
        memcpy(&raw, &value, 4);
        raw = htonl(raw);
        memcpy(registers + 4 * k, &raw, 4);
    }
    for (int byte = 0; byte < 256; byte++) {
        uint16_t crc = (uint16_t)byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xA001) : (uint16_t)(crc >> 1);
        crc_of_byte[byte] = crc;
    }
}

static uint16_t crc16(const uint8_t *bytes, size_t length)
{
    uint16_t crc = 0xFFFF;
    while (length--)
        crc = (uint16_t)(crc >> 8 ^ crc_of_byte[(crc ^ *bytes++) & 0xFF]);
    return crc;
}

/* Unit, function, count and registers to `out`; their length, 0 for a request that is not served. */
static size_t answer(const uint8_t *request, uint8_t *out)
{
    unsigned address = (unsigned)request[2] << 8 | request[3], wanted = (unsigned)request[4] << 8 | request[5];
    if ((request[1] != 3 && request[1] != 4) || wanted < 1 || wanted > 125)
        return 0;
    out[0] = request[0];
    out[1] = request[1];
    out[2] = (uint8_t)(2 * wanted);
    memcpy(out + 3, registers + 2 * address + 4 * (++count % 4096), 2 * wanted);
    return 3 + 2 * wanted;
}

/* Answer every whole request; -1 when the connection is to end. */
static int serve(int fd, struct connection *peer)
{
    uint8_t out[SPACE * 24];
    size_t used = 0, start = 0;
    while (peer->filled - start >= (peer->rtu ? 8u : 12u)) {
        const uint8_t *in = peer->in + start;
        size_t length;
        if (peer->rtu) {
            length = crc16(in, 8) ? 0 : answer(in, out + used);
            if (!length)
                return -1;
            uint16_t crc = crc16(out + used, length);
            out[used + length] = (uint8_t)crc;
            out[used + length + 1] = (uint8_t)(crc >> 8);
            used += length + 2;
            start += 8;
        } else {
            length = in[2] || in[3] || in[4] || in[5] != 6 ? 0 : answer(in + 6, out + used + 6);
            if (!length)
                return -1;
            memcpy(out + used, in, 4);
            out[used + 4] = (uint8_t)(length >> 8);
            out[used + 5] = (uint8_t)length;
            used += length + 6;
            start += 12;
        }
        if (used > sizeof out - LARGEST)
            return -1;
    }
    memmove(peer->in, peer->in + start, peer->filled - start);
    peer->filled -= start;
    return used && write(fd, out, used) != (ssize_t)used ? -1 : 0;
}

static int listening(int epoll, const char *port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&place, sizeof place) || listen(fd, 1024)) {
        perror(port);
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    return fd;
}

static void take(int epoll, int listener, int rtu)
{
    int fd = accept(listener, NULL, NULL), on = 1;
    if (fd < 0)
        return;
    if (fd >= CONNECTIONS || !(connections[fd] = calloc(1, sizeof **connections))) {
        close(fd);
        return;
    }
    connections[fd]->rtu = rtu;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void hear(int fd)
{
    struct connection *peer = connections[fd];
    ssize_t got = read(fd, peer->in + peer->filled, SPACE - peer->filled);
    if (got > 0) {
        peer->filled += (size_t)got;
        if (!serve(fd, peer))
            return;
    }
    close(fd);
    free(peer);
    connections[fd] = NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    struct rlimit files = {CONNECTIONS, CONNECTIONS};
    setrlimit(RLIMIT_NOFILE, &files);
    fill();
    int epoll = epoll_create1(0);
    int tcp = listening(epoll, argv[1]), rtu = listening(epoll, argv[2]);
    struct epoll_event input = {.events = EPOLLIN, .data.fd = STDIN_FILENO}, events[512];
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    puts("ready");
    fflush(stdout);
    for (int idle = 0;; idle++) {
        int ready = epoll_wait(epoll, events, 512, idle < PATIENCE ? 0 : -1);
        if (ready > 0)
            idle = 0;
        for (int k = 0; k < ready; k++) {
            int fd = events[k].data.fd;
            if (fd == STDIN_FILENO)
                return 0;
            if (fd == tcp || fd == rtu)
                take(epoll, fd, fd == rtu);
            else
                hear(fd);
        }
    }
}
