/* Stands before clock_gettime(2) in a program that is started with it (LD_PRELOAD): CLOCK_BOOTTIME and CLOCK_REALTIME are ahead by as
 * many seconds as the files BOOT and WALL have bytes, as after a suspension, in which CLOCK_MONOTONIC alone stands still, and as
 * after somebody set the host's time. */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    struct stat file;
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    const char *ahead = clock == CLOCK_BOOTTIME ? BOOT : clock == CLOCK_REALTIME ? WALL : NULL;

    if (result == 0 && ahead && stat(ahead, &file) == 0)
        now->tv_sec += file.st_size;
    return result;
}
