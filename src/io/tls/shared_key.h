// A key of session tickets as all edges get it: its bytes before they are sealed. When it was made
// goes with it, so that an edge which hears no more of its daemon still lets it end.
#pragma once

#include <optional>
#include <string_view>

#include "base/secret.h"
#include "io/tls/ticket_keys.h"

namespace moln::tls {

struct SharedKey {
    TicketKey key;  // `made` is not of it
    WallTime made;
};

// Nothing: the system has no randomness.
std::optional<SharedKey> fresh_shared_key(WallTime now);

// Name, cipher key, MAC key, milliseconds; 88 bytes.
Secret pack(const SharedKey& key);
// Nothing: it is not one.
std::optional<SharedKey> unpack(const Secret& packed);

}  // namespace moln::tls
