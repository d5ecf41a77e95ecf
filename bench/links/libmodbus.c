/* libmodbus as a client: request 125 input registers, receive, check, decode 62 float32.
 *
 *     libmodbus PORT burst|pingpong CONNECTIONS SECONDS PERIOD_MS
 *
 * burst: a request on every connection, then the answers in turn, as one scan of all devices. pingpong: one connection after
 * the other, each with modbus_read_input_registers. PERIOD_MS 0: saturated, else one round each period. Prints one line of JSON.
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REGISTERS = 125, VALUES = 62, LARGEST_COUNT = 512 };

static float image[LARGEST_COUNT][VALUES];

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

static void decode(const uint16_t *words, float *values)
{
    for (int k = 0; k < VALUES; k++)
        values[k] = modbus_get_float_abcd(words + 2 * k);
}

static void round_of_all(modbus_t **links, int count, int burst)
{
    uint8_t request[] = {1, MODBUS_FC_READ_INPUT_REGISTERS, 0, 0, 0, REGISTERS}, answer[MODBUS_TCP_MAX_ADU_LENGTH];
    uint16_t words[REGISTERS];
    for (int k = 0; burst && k < count; k++)
        if (modbus_send_raw_request(links[k], request, sizeof request) < 0)
            fail("send");
    for (int k = 0; k < count; k++) {
        if (!burst) {
            if (modbus_read_input_registers(links[k], 0, REGISTERS, words) != REGISTERS)
                fail("read");
        } else {
            int got = modbus_receive_confirmation(links[k], answer);
            if (got != 9 + 2 * REGISTERS || answer[6] != 1 || answer[7] != request[1] || answer[8] != 2 * REGISTERS)
                fail("answer");
            for (int word = 0; word < REGISTERS; word++)
                words[word] = (uint16_t)(answer[9 + 2 * word] << 8 | answer[10 + 2 * word]);
        }
        decode(words, image[k]);
    }
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    int port = atoi(argv[1]), burst = !strcmp(argv[2], "burst"), count = atoi(argv[3]), period_ms = atoi(argv[5]);
    double span = atof(argv[4]);
    modbus_t *links[LARGEST_COUNT];
    if (count < 1 || count > LARGEST_COUNT)
        return 2;
    for (int k = 0; k < count; k++) {
        links[k] = modbus_new_tcp("127.0.0.1", port);
        modbus_set_slave(links[k], 1);
        if (modbus_connect(links[k]))
            fail("connect");
    }
    for (int k = 0; k < 50; k++)
        round_of_all(links, count, burst);
    struct timespec tick;
    clock_gettime(CLOCK_MONOTONIC, &tick);
    double began = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    long rounds = 0;
    while (seconds(CLOCK_MONOTONIC) - began < span) {
        if (period_ms) {
            tick.tv_nsec += 1000000L * (period_ms % 1000);
            tick.tv_sec += period_ms / 1000 + tick.tv_nsec / 1000000000L;
            tick.tv_nsec %= 1000000000L;
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &tick, NULL);
        }
        round_of_all(links, count, burst);
        rounds++;
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    double wall = seconds(CLOCK_MONOTONIC) - began;
    printf("{\"requests\": %ld, \"cpu_s\": %.6f, \"wall_s\": %.6f}\n", rounds * count, cpu, wall);
    return 0;
}
