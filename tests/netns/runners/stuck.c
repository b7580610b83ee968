/* Stands before execvp(3) and execvpe(3) in a program that is started with it (LD_PRELOAD): a path with STUCK in it is not reached for
 * as long as the file HOLD is there, as with a file server that does not answer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

static void reach(const char *path)
{
    while (strstr(path, STUCK) && access(HOLD, F_OK) == 0)
        usleep(10000);
}

int execvp(const char *path, char *const words[])
{
    int (*next)(const char *, char *const[]);

    *(void **)&next = dlsym(RTLD_NEXT, "execvp");
    reach(path);
    return next(path, words);
}

int execvpe(const char *path, char *const words[], char *const environment[])
{
    int (*next)(const char *, char *const[], char *const[]);

    *(void **)&next = dlsym(RTLD_NEXT, "execvpe");
    reach(path);
    return next(path, words, environment);
}
