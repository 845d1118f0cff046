#include "io/tls/ticket_keys.h"

#include <algorithm>

#include <openssl/rand.h>

namespace moln::tls {
namespace {

std::optional<TicketKey> fresh_key(MonoTime now) {
    TicketKey key{.made = now};
    for (const auto bytes :
         {std::span<unsigned char>(key.name), std::span<unsigned char>(key.cipher),
          std::span<unsigned char>(key.mac)}) {
        if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return std::nullopt;
    }
    return key;
}

}  // namespace

void TicketKeys::drop_old(MonoTime now) {
    constexpr Milliseconds k_kept = {k_ticket_key_life.count * std::int64_t{k_ticket_keys_kept}};
    for (auto& key : keys_) {
        if (key && now - key->made >= k_kept) key.reset();
    }
}

std::optional<TicketKey> TicketKeys::current(MonoTime now) {
    const std::lock_guard lock(mutex_);
    drop_old(now);
    if (keys_[0] && now - keys_[0]->made < k_ticket_key_life) return keys_[0];
    auto key = fresh_key(now);
    if (!key) return std::nullopt;
    std::shift_right(keys_.begin(), keys_.end(), 1);
    keys_[0] = key;
    return key;
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const unsigned char, 16> name,
                                                  MonoTime now) {
    const std::lock_guard lock(mutex_);
    drop_old(now);
    for (const auto& key : keys_) {
        if (key && std::ranges::equal(key->name, name)) {
            return Found{.key = *key, .renew = now - key->made >= k_ticket_key_life};
        }
    }
    return std::nullopt;
}

std::vector<TicketKey> TicketKeys::all(MonoTime now) {
    const std::lock_guard lock(mutex_);
    drop_old(now);
    std::vector<TicketKey> keys;
    for (const auto& key : keys_) {
        if (key) keys.push_back(*key);
    }
    return keys;
}

void TicketKeys::adopt(std::span<const TicketKey> keys) {
    const std::lock_guard lock(mutex_);
    keys_ = {};
    const auto count = std::min(keys.size(), keys_.size());
    std::copy_n(keys.begin(), count, keys_.begin());
}

}  // namespace moln::tls
