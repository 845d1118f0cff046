// A response as the edge keeps it, in memory or read back from the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/compact_text.h"
#include "edge/cache/freshness.h"
#include "edge/cache/purge_book.h"
#include "edge/cache/stored_head.h"
#include "runtime/edge/cache_body.h"
#include "runtime/edge/coded_forms.h"

namespace moln::edge_loop {

// Immutable but for its body, which grows.
struct CachedResponse {
    std::uint64_t scope = 0;  // of which app: another app's answer is never given
    edge::StoredHead head;
    edge::Freshness freshness;
    std::int64_t came_ms = 0;  // monotonic
    WallTime came;
    std::int64_t delay_ms = 0;  // from the question to the head; it is in its age
    std::uint64_t born = 0;     // the purge generation when it was asked for
    std::vector<edge::PurgeMark> marks;
    CompactText vary_names;  // see http/vary.h
    CompactText vary_key;
    std::shared_ptr<CacheBody> body;
    std::shared_ptr<CodedForms> coded;  // of the body; null: it is given as it is

    std::size_t bytes() const;
    // Not all of its body came, nor ever will; or it is no more.
    bool is_broken() const {
        return body->seen().state == CacheBody::State::failed || body->is_gone();
    }
};

}  // namespace moln::edge_loop
