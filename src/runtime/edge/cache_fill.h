// A fetch for the cache: see cache_flow.h. What begins one.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/edge/cache_flow.h"

namespace moln::edge_loop {

// Wakes all who wait, on whatever worker.
void tell(Core& core, WorkerSet& waiting);

enum class FillFor : std::uint8_t {
    leader,   // `asker` waits for it, and gets the answer itself if it may not be shared
    refresh,  // nobody waits
};

// Asks the app for what `asker` asked for. The fetch is moved on from then on by this worker.
void start_fill(Core& core, Exchange& asker, std::shared_ptr<CacheFetch> fetch, FillFor why);

// The fields that a fetch adds to the request of who asked: validators of what is stored.
struct FillFields {
    std::array<http::ExtraField, 5> fields;
    std::size_t count = 0;
    void add(const http::ExtraField& field) { fields[count++] = field; }
    std::span<const http::ExtraField> view() const { return {fields.data(), count}; }
};
FillFields fill_fields(const CacheFill& fill);

}  // namespace moln::edge_loop
