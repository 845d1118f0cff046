// CHECK states an invariant of our own code and stays on in release. Never CHECK what a peer, a
// user, a disk or the kernel may send: that is a Result.
#pragma once

namespace moln {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define CHECK(condition)                                 \
    (static_cast<bool>(condition) ? static_cast<void>(0) \
                                  : ::moln::check_failed(#condition, __FILE__, __LINE__))
