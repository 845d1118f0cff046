#include "runtime/edge/behind_workers.h"

#include <algorithm>
#include <cstdint>

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace moln::edge_loop {
namespace {

constexpr int k_nice = 15;
constexpr int k_nice_max = 19;
constexpr std::uint64_t k_slice_ns = 100'000'000;

// struct sched_attr of <linux/sched/types.h>, which cannot be included beside <sched.h>.
struct Attributes {
    std::uint32_t size = 48;
    std::uint32_t policy = SCHED_OTHER;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = k_slice_ns;
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
};
static_assert(sizeof(Attributes) == Attributes{}.size);

}  // namespace

void go_behind_workers() {
    const Attributes wanted = {.nice = std::min(getpriority(PRIO_PROCESS, 0) + k_nice, k_nice_max)};
    // Where neither can be had it is no worse than others. Both are of one thread, as Linux has it.
    if (syscall(SYS_sched_setattr, 0, &wanted, 0) != 0) {
        (void)setpriority(PRIO_PROCESS, 0, wanted.nice);
    }
}

}  // namespace moln::edge_loop
