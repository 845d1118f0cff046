#include "io/host/host_entropy.h"

#include <sys/random.h>

#include "base/check.h"

namespace moln {

std::uint64_t HostEntropy::next() {
    if (left_ == 0) {
        // Up to 256 bytes are given whole and are not interrupted, see getrandom(2).
        CHECK(::getrandom(drawn_.data(), sizeof drawn_, 0) == sizeof drawn_);
        left_ = drawn_.size();
    }
    --left_;
    // Taken once: a number that was given out is not kept.
    const auto number = drawn_[left_];
    drawn_[left_] = 0;
    return number;
}

}  // namespace moln
