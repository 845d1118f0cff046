#include "edge/ejection.h"

#include <algorithm>

namespace moln::edge {
namespace {

constexpr std::uint32_t k_doublings_max = 6;  // 1 s << 6 is past k_ejection_longest

}  // namespace

bool note_failure(Ejection& ejection, AppShare share, MonoTime now) {
    if (ejection.ejected) return false;
    ejection.failures_in_row = std::min(ejection.failures_in_row + 1, k_eject_after_failures);
    if (ejection.failures_in_row < k_eject_after_failures) return false;
    if (share.ejected + 1 > ejected_max(share.active)) return false;
    const auto length = Milliseconds{k_ejection_first.count << ejection.times};
    ejection.times = std::min(ejection.times + 1, k_doublings_max);
    ejection.ejected = true;
    ejection.until = now + std::min(length, k_ejection_longest);
    return true;
}

void note_success(Ejection& ejection) {
    if (ejection.ejected) return;
    ejection.failures_in_row = 0;
    ejection.times = 0;
}

bool readmit_if_due(Ejection& ejection, MonoTime now) {
    if (!ejection.ejected || now < ejection.until) return false;
    ejection.ejected = false;
    ejection.failures_in_row = k_eject_after_failures - 1;
    return true;
}

}  // namespace moln::edge
