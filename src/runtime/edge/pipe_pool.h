// Pipes that the bytes of long bodies pass through, from one socket to another without a copy
// (splice(2)). Lent as buffers are. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "io/file/fd.h"

namespace moln::edge_loop {

// What a pipe holds. The kernel counts it against a user's limit (fs.pipe-user-pages-soft, 64 MiB):
// past that it gives less, and the body is copied as ever.
inline constexpr std::size_t k_pipe_bytes = 256u << 10;
inline constexpr std::size_t k_pipes_max = 64;  // of a worker, two descriptors each
inline constexpr std::size_t k_pipes_kept = 8;  // while nobody borrows them

struct Pipe {
    Fd into;
    Fd out_of;
    std::size_t inside = 0;
};

class PipePool {
public:
    // Null: all are lent, or the kernel gives none of that size.
    Pipe* lend();
    // *pipe is null then; null is fine. One that still holds bytes is thrown away with them.
    void take_back(Pipe** pipe);
    std::size_t lent() const { return lent_; }

private:
    std::vector<std::unique_ptr<Pipe>> free_;
    std::size_t lent_ = 0;
};

}  // namespace moln::edge_loop
