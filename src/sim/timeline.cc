#include "sim/timeline.h"

#include <algorithm>
#include <utility>

namespace moln::sim {
namespace {

// 2026-01-01 00:00 UTC: any fixed moment does.
constexpr std::int64_t k_wall_start_ms = 1'767'225'600'000;

}  // namespace

bool Timeline::later(const Entry& a, const Entry& b) {
    if (a.when != b.when) return a.when > b.when;
    return a.number > b.number;
}

Now Timeline::now() const {
    return {{k_wall_start_ms + now_.ms + wall_ahead_.count}, now_, {}};
}

void Timeline::at(Milliseconds delay, std::function<void()> what) {
    const auto when = now_ + std::max(delay, Milliseconds{0});
    heap_.push_back({when, ++scheduled_, std::move(what)});
    std::push_heap(heap_.begin(), heap_.end(), later);
}

bool Timeline::run_one(MonoTime end) {
    if (heap_.empty() || heap_.front().when > end) {
        now_ = std::max(now_, end);
        return false;
    }
    std::pop_heap(heap_.begin(), heap_.end(), later);
    auto entry = std::move(heap_.back());
    heap_.pop_back();
    now_ = entry.when;
    ++events_run_;
    entry.what();
    return true;
}

}  // namespace moln::sim
