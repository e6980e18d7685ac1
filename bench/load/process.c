/* Clock, memory, and what /proc tells about the server. */
#define _GNU_SOURCE
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(2);
}

void *resize(void *block, size_t size) {
    void *found = realloc(block, size);
    if (!found) fail("out of memory at %zu bytes", size);
    return found;
}

void *allocate(size_t count, size_t size) {
    size_t bytes = count * size;
    return memset(resize(NULL, bytes ? bytes : 1), 0, bytes);
}

/* Reads a small file of /proc; empty if the process is gone. */
static void read_proc(int pid, const char *name, char *into, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(into, 1, size - 1, file) : 0;
    into[length] = 0;
    if (file) fclose(file);
}

long resident_kb(int pid) {
    char text[256];
    long pages = 0;
    if (!pid) return 0;
    read_proc(pid, "statm", text, sizeof text);
    sscanf(text, "%*d %ld", &pages);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static double own_cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
           + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double cpu_seconds(int pid) {
    char text[1024];
    unsigned long user = 0, system = 0;
    if (!pid) return own_cpu_seconds();
    read_proc(pid, "stat", text, sizeof text);
    char *rest = strrchr(text, ')'); /* the name before it may contain anything; proc(5) */
    if (rest) sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}
