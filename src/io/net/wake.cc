#include "io/net/wake.h"

#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>

namespace moln::net {

Result<Wake> Wake::create() {
    Fd fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!fd.valid()) return fail(error_from_errno(errno, "eventfd"));
    return Wake(std::move(fd));
}

void Wake::ring() const {
    const std::uint64_t one = 1;
    // A full counter means that a ring is pending already.
    [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
}

void Wake::clear() const {
    std::uint64_t rings = 0;
    [[maybe_unused]] const auto got = ::read(fd_.get(), &rings, sizeof rings);
}

}  // namespace moln::net
