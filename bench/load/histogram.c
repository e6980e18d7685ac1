/* Log-linear: 128 buckets for each power of two, as in HdrHistogram. */
#include "load.h"

enum { SUB_BUCKETS = 128, SUB_BITS = 7 };

static unsigned index_of(uint64_t value) {
    if (value < SUB_BUCKETS) return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    unsigned index = (power - SUB_BITS + 1) * SUB_BUCKETS + (unsigned)((value >> (power - SUB_BITS)) % SUB_BUCKETS);
    return index < HISTOGRAM_BUCKETS ? index : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static double value_of(unsigned index) {
    if (index < SUB_BUCKETS) return index;
    unsigned shift = index / SUB_BUCKETS - 1;
    return ((double)(SUB_BUCKETS + index % SUB_BUCKETS) + 0.5) * (double)(1ull << shift);
}

void histogram_add(Histogram *histogram, uint64_t nanoseconds) {
    histogram->bucket[index_of(nanoseconds)]++;
    histogram->sum += (double)nanoseconds;
    if (nanoseconds > histogram->max) histogram->max = nanoseconds;
    if (histogram->count++ == 0 || nanoseconds < histogram->min) histogram->min = nanoseconds;
}

double histogram_quantile(const Histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)(share * (double)histogram->count + 0.5), passed = 0;
    if (wanted == 0) wanted = 1;
    for (unsigned index = 0; index < HISTOGRAM_BUCKETS && histogram->count; index++) {
        passed += histogram->bucket[index];
        if (passed < wanted) continue;
        double value = value_of(index);
        return (value > (double)histogram->max ? (double)histogram->max : value) / 1e3;
    }
    return 0;
}

double histogram_mean(const Histogram *histogram) {
    return histogram->count ? histogram->sum / (double)histogram->count / 1e3 : 0;
}
