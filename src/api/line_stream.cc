#include "api/line_stream.h"

#include <utility>

namespace moln::api {

void LineStream::open() {
    context_->streams.insert(shared_from_this());
    lines_.begin();
    auto& exchange = *lines_.call()->exchange;
    exchange.on_gone(later(this, &LineStream::finish));
    exchange.on_room(later(this, &LineStream::send_more));
}

void LineStream::finish() {
    if (std::exchange(done_, true)) return;
    context_->release_soon(std::move(source_));
    context_->streams.erase(shared_from_this());
}

}  // namespace moln::api
