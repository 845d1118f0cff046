// A stream of lines that lasts until it ends itself or its client goes: what logs, events and the
// watch have in common. Made by make_shared, kept by the context from open() to finish().
#pragma once

#include <memory>

#include "api/call.h"
#include "api/lines.h"

namespace moln::api {

class LineStream : public Stream, public std::enable_shared_from_this<LineStream> {
protected:
    explicit LineStream(const std::shared_ptr<Call>& call)
        : lines_(call), context_(call->shared_context()) {}

    // Sends the head. From now on send_more() is called whenever the client has taken what it was
    // sent.
    void open();
    // Lets go of the source; nothing is written and no timer acts after it. Twice is once.
    void finish();

    // Writes what there is, as long as there is room; nothing for a stream that skips instead.
    virtual void send_more() {}

    // `act` on this stream as its own type, if it is still there by then.
    template <typename Self, typename Act>
    static auto later(Self* self, Act act) {
        return [weak = self->weak_from_this(), self, act](auto&&... words) {
            if (const auto alive = weak.lock())
                (self->*act)(std::forward<decltype(words)>(words)...);
        };
    }

    Lines lines_;
    std::shared_ptr<ServiceContext> context_;
    std::shared_ptr<void> source_;  // the Control's handle: a log, the changes
    bool done_ = false;
};

}  // namespace moln::api
