// The keys of session tickets (RFC 5077, RFC 8446 4.6.1): made by itself, changed every few hours,
// so that who steals one from memory can read only some hours of recorded TLS 1.2. Any thread.
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
inline constexpr std::size_t k_ticket_keys_kept = 3;  // and then opens them twice that

struct TicketKey {
    std::array<unsigned char, 16> name{};  // travels in the open
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
    MonoTime made;
};

class TicketKeys {
public:
    // To seal a ticket with; none when the system has no randomness.
    std::optional<TicketKey> current(MonoTime now);

    struct Found {
        TicketKey key;
        bool renew = false;  // it is no more the current one
    };
    std::optional<Found> find(std::span<const unsigned char, 16> name, MonoTime now);

    // What another process is to open tickets with, newest first; and the same from there. What is
    // here already goes.
    std::vector<TicketKey> all(MonoTime now);
    void adopt(std::span<const TicketKey> keys);

private:
    void drop_old(MonoTime now);

    std::mutex mutex_;
    std::array<std::optional<TicketKey>, k_ticket_keys_kept> keys_;  // newest first
};

}  // namespace moln::tls
