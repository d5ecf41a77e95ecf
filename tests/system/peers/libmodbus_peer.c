/* A Modbus server on libmodbus, and somebody to ask what it holds.
 *
 *     libmodbus_peer tcp PORT | libmodbus_peer rtu DEVICE BAUD UNIT
 *
 * Says "ready PORT" when it can be talked to, then answers each line of its input with one line:
 *     put TABLE KIND ORDER ADDRESS VALUE     hold a value                     -> ok
 *     get TABLE KIND ORDER ADDRESS           what is held, as it reads it     -> the value
 *     refuse CODE                            every request gets that exception; 0: none any more
 *     asked                                  -> requests since it was last asked, as function:count
 *
 * Tables go from FIRST to FIRST+SIZE-1; everything else is an illegal address.
 */
#include <errno.h>
#include <inttypes.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#define FIRST 100
#define SIZE 400
#define CLIENTS 8

static modbus_t *context;
static modbus_mapping_t *held;
static int refusing;
static unsigned asked[256];

static uint16_t *registers(const char *table, int address)
{
    if (address < FIRST || address > FIRST + SIZE - 4)
        return NULL;
    if (!strcmp(table, "holding"))
        return held->tab_registers + address - FIRST;
    return strcmp(table, "input") ? NULL : held->tab_input_registers + address - FIRST;
}

static uint8_t *bits(const char *table, int address)
{
    if (address < FIRST || address >= FIRST + SIZE)
        return NULL;
    if (!strcmp(table, "coil"))
        return held->tab_bits + address - FIRST;
    return strcmp(table, "discrete") ? NULL : held->tab_input_bits + address - FIRST;
}

/* Words of a number in the named order, and back: the letters say which byte of the number (A: the highest) stands where. */
static void swapped(uint16_t *words, int count, const char *order)
{
    if (order[0] == 'C' || order[0] == 'D')
        for (int i = 0; i < count / 2; i++) {
            uint16_t word = words[i];
            words[i] = words[count - 1 - i];
            words[count - 1 - i] = word;
        }
    if (order[0] == 'B' || order[0] == 'D')
        for (int i = 0; i < count; i++)
            words[i] = (uint16_t)(words[i] << 8 | words[i] >> 8);
}

/* Asked of libmodbus itself. Its modbus_set_float_* of 3.1.6 write bytes where words belong, so they are not used. */
static float get_float(const uint16_t *at, const char *order)
{
    if (!strcmp(order, "ABCD"))
        return modbus_get_float_abcd(at);
    if (!strcmp(order, "CDAB"))
        return modbus_get_float_cdab(at);
    return strcmp(order, "BADC") ? modbus_get_float_dcba(at) : modbus_get_float_badc(at);
}

static int put(const char *table, const char *kind, const char *order, int address, const char *text)
{
    uint8_t *bit = bits(table, address);
    uint16_t *at = registers(table, address), words[4];
    if (bit) {
        *bit = atoi(text) != 0;
        return 0;
    }
    if (!at)
        return -1;
    if (strstr(kind, "16")) {
        at[0] = (uint16_t)strtol(text, NULL, 0);
    } else if (strstr(kind, "32")) {
        int32_t number = (int32_t)strtoll(text, NULL, 0);
        if (kind[0] == 'f') {
            float real = strtof(text, NULL);
            memcpy(&number, &real, 4);
        }
        MODBUS_SET_INT32_TO_INT16(words, 0, number);
        swapped(words, 2, order);
        memcpy(at, words, 4);
    } else {
        uint64_t number = kind[0] == 'u' ? strtoull(text, NULL, 0) : (uint64_t)strtoll(text, NULL, 0);
        if (kind[0] == 'f') {
            double real = strtod(text, NULL);
            memcpy(&number, &real, 8);
        }
        MODBUS_SET_INT64_TO_INT16(words, 0, number);
        swapped(words, 4, order);
        memcpy(at, words, 8);
    }
    return 0;
}

static void get(const char *table, const char *kind, const char *order, int address)
{
    uint8_t *bit = bits(table, address);
    uint16_t *at = registers(table, address), words[4];
    if (bit) {
        printf("%d\n", *bit);
    } else if (!at) {
        printf("error no %s %d\n", table, address);
    } else if (!strcmp(kind, "float32")) {
        printf("%.9g\n", get_float(at, order));
    } else if (strstr(kind, "16")) {
        printf("%d\n", kind[0] == 'u' ? at[0] : (int16_t)at[0]);
    } else if (strstr(kind, "32")) {
        memcpy(words, at, 4);
        swapped(words, 2, order);
        int32_t number = MODBUS_GET_INT32_FROM_INT16(words, 0);
        printf("%" PRId64 "\n", kind[0] == 'u' ? (int64_t)(uint32_t)number : number);
    } else {
        memcpy(words, at, 8);
        swapped(words, 4, order);
        int64_t number = MODBUS_GET_INT64_FROM_INT16(words, 0);
        double real;
        memcpy(&real, &number, 8);
        if (kind[0] == 'f')
            printf("%.17g\n", real);
        else
            printf(kind[0] == 'u' ? "%" PRIu64 "\n" : "%" PRId64 "\n", number);
    }
}

/* One line of input: 0 when there is no more. */
static int told(void)
{
    char line[256], word[16], table[16], kind[16], order[16], value[64];
    int address;
    if (!fgets(line, sizeof line, stdin))
        return 0;
    if (sscanf(line, "put %15s %15s %15s %d %63s", table, kind, order, &address, value) == 5) {
        puts(put(table, kind, order, address, value) ? "error not held" : "ok");
    } else if (sscanf(line, "get %15s %15s %15s %d", table, kind, order, &address) == 4) {
        get(table, kind, order, address);
    } else if (sscanf(line, "refuse %d", &refusing) == 1) {
        puts("ok");
    } else if (sscanf(line, "%15s", word) == 1 && !strcmp(word, "asked")) {
        for (int function = 0; function < 256; function++)
            if (asked[function])
                printf("%d:%u ", function, asked[function]);
        puts("");
        memset(asked, 0, sizeof asked);
    } else {
        printf("error what is %s", line);
    }
    fflush(stdout);
    return 1;
}

/* One request of a client: -1 when the connection is gone. */
static int serve(void)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int length = modbus_receive(context, query);
    if (length <= 0)
        return length;
    asked[query[modbus_get_header_length(context)]]++;
    if (refusing)
        return modbus_reply_exception(context, query, (unsigned)refusing);
    return modbus_reply(context, query, length, held);
}

static int listening(int *port)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int server = modbus_tcp_listen(context, CLIENTS);
    if (server >= 0 && !getsockname(server, (struct sockaddr *)&address, &size))
        *port = ntohs(address.sin_port);
    return server;
}

int main(int count, char **arguments)
{
    int port = 0, server = -1, clients[CLIENTS], rtu = count == 5 && !strcmp(arguments[1], "rtu");
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = -1;
    held = modbus_mapping_new_start_address(FIRST, SIZE, FIRST, SIZE, FIRST, SIZE, FIRST, SIZE);
    context = rtu ? modbus_new_rtu(arguments[2], atoi(arguments[3]), 'N', 8, 1)
                  : modbus_new_tcp("127.0.0.1", count > 2 ? atoi(arguments[2]) : 0);
    if (!held || !context)
        return fprintf(stderr, "no context: %s\n", modbus_strerror(errno)), 1;
    if (rtu && (modbus_set_slave(context, atoi(arguments[4])) || modbus_connect(context)))
        return fprintf(stderr, "no port: %s\n", modbus_strerror(errno)), 1;
    if (!rtu && (server = listening(&port)) < 0)
        return fprintf(stderr, "no listener: %s\n", modbus_strerror(errno)), 1;
    if (rtu)
        clients[0] = modbus_get_socket(context);
    printf("ready %d\n", port);
    fflush(stdout);
    for (;;) {
        fd_set readable;
        int highest = server > 0 ? server : 0;
        FD_ZERO(&readable);
        FD_SET(0, &readable);
        if (server >= 0)
            FD_SET(server, &readable);
        for (int i = 0; i < CLIENTS; i++)
            if (clients[i] >= 0) {
                FD_SET(clients[i], &readable);
                highest = clients[i] > highest ? clients[i] : highest;
            }
        if (select(highest + 1, &readable, NULL, NULL, NULL) < 0)
            return 1;
        if (FD_ISSET(0, &readable) && !told())
            return 0;
        if (server >= 0 && FD_ISSET(server, &readable)) {
            int client = modbus_tcp_accept(context, &server), i = 0;
            while (i < CLIENTS && clients[i] >= 0)
                i++;
            if (i < CLIENTS)
                clients[i] = client;
            else
                close(client);
        }
        for (int i = 0; i < CLIENTS; i++)
            if (clients[i] >= 0 && FD_ISSET(clients[i], &readable)) {
                modbus_set_socket(context, clients[i]);
                if (serve() < 0 && !rtu) {
                    close(clients[i]);
                    clients[i] = -1;
                }
            }
    }
}
