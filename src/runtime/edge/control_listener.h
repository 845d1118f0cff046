// A listening socket of the control thread's. Level-triggered: whoever waits is told of again and
// again, so that nobody is accepted for a moment when no descriptor is left.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "io/file/fd.h"
#include "io/net/epoll.h"
#include "runtime/edge/control_part.h"

namespace moln::edge_loop {

class ControlListener {
public:
    // `part` is told when somebody waits. Both outlive this.
    ControlListener(net::Epoll& epoll, ControlPart& part) : epoll_(epoll), part_(part) {}

    Status listen(Fd socket);
    // Who waits; not valid: nobody, or there is a pause now.
    Fd accept(std::int64_t now_ms);
    // Ends a pause that is over. Between turns only.
    void resume(std::int64_t now_ms);
    std::int64_t resume_due_ms() const { return resume_ms_; }  // -1: there is no pause
    // Another process accepts on the same socket.
    void leave();

private:
    net::Epoll& epoll_;
    ControlPart& part_;
    Fd socket_;
    std::int64_t resume_ms_ = -1;
};

}  // namespace moln::edge_loop
