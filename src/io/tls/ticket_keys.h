// The keys of session tickets (RFC 5077, RFC 8446 4.6.1), changed every few hours, so that who
// steals one from memory can read only some hours of recorded TLS 1.2. All edges of a cluster share
// them; one that has no such key, or none that is young enough, makes its own. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/units.h"

namespace moln::tls {

inline constexpr Milliseconds k_ticket_key_life = {8LL * 3600 * 1000};  // it issues tickets so long
inline constexpr Milliseconds k_ticket_key_kept = {24LL * 3600 * 1000};  // and opens them so long
// A shared one may issue them for so long: its successor comes when the daemon says so.
inline constexpr Milliseconds k_shared_key_life = {10LL * 3600 * 1000};
// Three of one's own, or four that are shared, of which the youngest does not issue yet; and what
// was one's own before.
inline constexpr std::size_t k_ticket_keys_kept = 8;

struct TicketKey {
    std::array<unsigned char, 16> name{};  // travels in the open
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
    MonoTime made;
};

// Nothing: the system has no randomness.
std::optional<TicketKey> fresh_ticket_key(MonoTime now);

class TicketKeys {
public:
    // To seal a ticket with; none when the system has no randomness.
    std::optional<TicketKey> current(MonoTime now);

    struct Found {
        TicketKey key;
        bool renew = false;  // it is no more the current one
    };
    std::optional<Found> find(std::span<const unsigned char, 16> name, MonoTime now);

    // What another process is to open tickets with, the current one first; and the same from there.
    // What is here already goes.
    std::vector<TicketKey> all(MonoTime now);
    void adopt(std::span<const TicketKey> keys);

    // What all edges have from now on: the first seals. What is here already still opens. Of none
    // nothing changes.
    void share(std::span<const TicketKey> keys);

private:
    void drop_old(MonoTime now);

    std::mutex mutex_;
    std::vector<TicketKey> keys_;  // the current one first
    bool shared_ = false;          // that is
};

}  // namespace moln::tls
