#include "runtime/edge/pipe_pool.h"

#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace moln::edge_loop {
namespace {

std::unique_ptr<Pipe> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return nullptr;
    auto pipe = std::make_unique<Pipe>();
    pipe->out_of.reset(ends[0]);
    pipe->into.reset(ends[1]);
    const int size = ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(k_pipe_bytes));
    if (size < static_cast<int>(k_pipe_bytes)) return nullptr;
    return pipe;
}

}  // namespace

Pipe* PipePool::lend() {
    if (lent_ == k_pipes_max) return nullptr;
    std::unique_ptr<Pipe> pipe;
    if (free_.empty()) {
        pipe = make_pipe();
        if (!pipe) return nullptr;
    } else {
        pipe = std::move(free_.back());
        free_.pop_back();
    }
    ++lent_;
    return pipe.release();
}

void PipePool::take_back(Pipe** pipe) {
    std::unique_ptr<Pipe> back(std::exchange(*pipe, nullptr));
    if (!back) return;
    --lent_;
    if (back->inside == 0 && free_.size() < k_pipes_kept) free_.push_back(std::move(back));
}

}  // namespace moln::edge_loop
