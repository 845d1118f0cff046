#include "drivers/sandbox/seccomp_filter.h"

#include "base/base64.h"
#include "io/file/files.h"

namespace moln {
namespace {

constexpr std::size_t k_instruction_bytes = 8;  // struct sock_filter

}  // namespace

std::string SeccompFilter::text() const {
    const std::lock_guard lock(mutex_);
    return text_;
}

void SeccompFilter::learn(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (!text_.empty()) return;
    const auto bytes = read_file(path);
    if (!bytes || bytes->size() % k_instruction_bytes != 0) return;
    text_ = base64(*bytes);
}

}  // namespace moln
