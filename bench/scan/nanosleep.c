/* The floor: a loop of clock_nanosleep to absolute times, which does nothing else.
 *
 *     nanosleep PERIOD_US TICKS
 *
 * Prints how late each tick began, ns, as one JSON array.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    long long period = atoll(argv[1]) * 1000LL;
    int ticks = atoi(argv[2]);
    long long *late = malloc(sizeof *late * ticks);
    if (!late) return 1;
    long long due = (now() / period + 1) * period;
    for (int k = 0; k < ticks; k++, due += period) {
        struct timespec t = {due / 1000000000LL, due % 1000000000LL};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        late[k] = now() - due;
        while (due + period < now()) due += period;
    }
    putchar('[');
    for (int k = 0; k < ticks; k++) printf("%s%lld", k ? "," : "", late[k]);
    puts("]");
    return 0;
}
